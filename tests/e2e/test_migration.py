"""docs/migration.md, step by step: its commands, as they stand, and what it says of them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from devstack.aws import session, variables
from devstack.moto import moto_server
from devstack.processes import free_port
from tests.e2e.old_pipeline import BUCKET, QUEUE, OldPipeline

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "migration.md").read_text()
AWS = """
real() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }
aws() {
  real "$@"
  if [ "$1 $2 $4" = "cloudformation deploy media-shadow" ]; then
    real cloudformation update-stack --stack-name media-shadow --use-previous-template --parameters \\
      ParameterKey=Environment,UsePreviousValue=true ParameterKey=NamePrefix,UsePreviousValue=true
  fi
}
"""
"""Version 1 of the CLI doesn't take the variable for SQS; and moto gives a stack outputs when it is updated."""


def blocks(step: int) -> list[str]:
    """The commands of a step."""
    (section,) = re.findall(rf"^## {step}\. (.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


class Shell:
    """One shell for all blocks, which stops at the first command that fails."""

    def __init__(self, endpoint: str, scratch: Path) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = {**inherited, **variables(endpoint)}
        self._state = scratch / "state"

    @contextmanager
    def start(self, block: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """The block, under way. What it left running is killed."""
        block = block.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
        save = f"declare -p >{self._state}; declare -f >>{self._state}"
        script = f"source {self._state} 2>/dev/null\n{AWS}\nset -euo pipefail\ntrap '{save}' EXIT\n{block}"
        with subprocess.Popen(
            ["bash", "-c", script],
            env={**self.environment, **environment},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def run(self, block: str, status: int = 0) -> str:
        """What it printed, until it ended with this status."""
        with self.start(block) as process:
            output, _ = process.communicate(timeout=100)
        assert process.returncode == status, output
        return output


@pytest.fixture
def old() -> Iterator[tuple[OldPipeline, str]]:
    with moto_server() as endpoint:
        yield OldPipeline(endpoint), endpoint


@pytest.mark.timeout(300)  # the CLI takes a second for each of 40 commands, and more on a busy machine
@pytest.mark.skipif(shutil.which("aws") is None, reason="there is no AWS CLI")
def test_the_commands_of_the_page_in_their_order(old: tuple[OldPipeline, str], tmp_path: Path) -> None:
    pipeline, endpoint = old
    shell = Shell(endpoint, tmp_path)

    (look,) = blocks(1)
    seen = shell.run(look)
    assert "maxReceiveCount" in seen
    assert f"function:validate; machines {pipeline.machine}; key arn:aws:kms:" in seen

    (adopt,) = blocks(2)
    shell.run(adopt)
    roles = session().client("iam", endpoint_url=endpoint)
    names = {role["RoleName"] for role in roles.list_roles()["Roles"]}
    assert "new-toq-media-processing-worker-staging" in names
    assert [bucket["Name"] for bucket in pipeline.s3.list_buckets()["Buckets"]] == [BUCKET], "adopted, not made"
    assert len(pipeline.sqs.list_queues()["QueueUrls"]) == 2

    shadow, compare = blocks(3)
    run_the_shadow(shell, shadow)
    assert_that_the_shadow_differs_as_the_page_says(shell.run(compare, status=1))

    own_queue, off, back = blocks(4)
    assert pipeline.send(pipeline.queue_url) == 0, "the trigger took it, and no worker would have seen it"
    shell.run(own_queue)
    shell.run(off)
    assert sorted(pipeline.mappings()) == ["Disabled", "Enabled"]
    assert pipeline.send(pipeline.queue_url) == 1, "it waits for the worker"
    old_url = pipeline.sqs.get_queue_url(QueueName=f"{QUEUE}-old")["QueueUrl"]
    assert pipeline.send(old_url) == 0, "the old pipeline has a queue of its own"
    shell.run(back.splitlines()[-1])
    assert pipeline.mappings() == ["Enabled", "Enabled"]
    shell.run(off)

    (drain,) = blocks(6)
    execution = pipeline.machines.start_execution(stateMachineArn=pipeline.machine)["executionArn"]
    with shell.start(drain.partition("for status")[0].replace("sleep 10", "echo running; sleep 0.1")) as waiting:
        assert read_line(waiting) == "running\n"
        pipeline.machines.stop_execution(executionArn=execution)
        waiting.communicate(timeout=60)
    assert waiting.returncode == 0

    (delete,) = blocks(8)
    shell.run(delete)
    assert pipeline.mappings() == []
    assert pipeline.functions.list_functions()["Functions"] == []
    assert pipeline.machines.list_state_machines()["stateMachines"] == []
    assert len(pipeline.sqs.list_queues(QueueNamePrefix=QUEUE)["QueueUrls"]) == 1

    session().client("cloudformation", endpoint_url=endpoint).delete_stack(StackName="media-staging")
    assert BUCKET in {bucket["Name"] for bucket in pipeline.s3.list_buckets()["Buckets"]}, "what was adopted stays"
    assert len(pipeline.sqs.list_queues(QueueNamePrefix=QUEUE)["QueueUrls"]) == 1
    assert not any(role["RoleName"].startswith("new-") for role in roles.list_roles()["Roles"])


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def run_the_shadow(shell: Shell, block: str) -> None:
    """Until both listings' jobs are called back; then as with Ctrl-C."""
    port = str(free_port())
    with shell.start(block.replace("9000", port), RECEIVER_PORT=port, HTTP_PORT=str(free_port())) as running:
        output = ""
        while output.count("SUCCEEDED, 1 assets, signatures genuine") < 2:
            line = read_line(running)
            output += line
            assert line, output
        os.killpg(running.pid, signal.SIGINT)
        while '"event": "drained"' not in line:
            line = read_line(running)
            assert line, "it ended without draining"
        running.wait(60)


def assert_that_the_shadow_differs_as_the_page_says(compared: str) -> None:
    folder = "28/processed/photo/horizontal"
    lines = compared.splitlines()
    assert f"differs   {folder}/large/a.png  JPEG 1200×900 → PNG 640×480" in lines
    assert f"differs   {folder}/small/a.png  JPEG 400×300 → PNG 400×300" in lines
    assert "differs   29/processed/photo/vertical/large/b.jpg  JPEG 1200×900 → JPEG 640×480" in lines
    assert "only new  28/processed/zip/28.zip  another format" in lines
    assert lines[-1] == "8 of 10 keys differ"
