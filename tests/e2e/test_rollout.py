"""infra/rollout.sh, with tools that only note how they are called."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "infra" / "rollout.sh"
REPOSITORY = "111122223333.dkr.ecr.us-east-1.amazonaws.com/media-worker-staging"
TOOL = """#!/bin/sh
command="$(basename "$0") $*"
echo "$command" >> "{log}"
case "$command" in
{fails}) exit 1 ;;
*RepositoryUri*) echo {repository} ;;
*ClusterName*) echo the-cluster ;;
*ServiceName*) echo the-service ;;
*get-login-password*) echo a-password ;;
*"docker login"*) cat > "{log}.password" ;;
esac
"""

RollOut = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "commands"


@pytest.fixture
def roll_out(tmp_path: Path, log: Path) -> RollOut:
    def roll_out(
        *arguments: str, fails: str = "*describe-images*", revision: str = "abc"
    ) -> subprocess.CompletedProcess[str]:
        for tool in ("aws", "docker", "make"):
            path = tmp_path / tool
            path.write_text(TOOL.format(log=log, fails=fails, repository=REPOSITORY))
            path.chmod(0o755)
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "REVISION": revision}
        return subprocess.run([SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=False)

    return roll_out


def called(log: Path) -> list[str]:
    """The commands that change something."""
    harmless = ("aws sts", "aws ecr describe-images", "aws ecr get-login-password", "aws cloudformation describe-")
    return [line for line in log.read_text().splitlines() if not line.startswith(harmless)]


def test_an_image_is_built_tagged_by_its_revision_and_pushed(roll_out: RollOut, log: Path) -> None:
    done = roll_out("push", "staging")
    assert done.returncode == 0, done.stderr
    assert called(log) == [
        "make image REVISION=abc",
        f"docker tag media-worker:abc {REPOSITORY}:abc",
        f"docker login --username AWS --password-stdin {REPOSITORY.partition('/')[0]}",
        f"docker push {REPOSITORY}:abc",
    ]
    assert Path(f"{log}.password").read_text() == "a-password\n"


def test_what_is_pushed_already_is_left_alone(roll_out: RollOut, log: Path) -> None:
    done = roll_out("push", "staging", fails="nothing")
    assert done.returncode == 0
    assert "already" in done.stdout
    assert called(log) == []


def test_a_revision_is_rolled_out_and_waited_for(roll_out: RollOut, log: Path) -> None:
    done = roll_out("deploy", "staging")
    assert done.returncode == 0, done.stderr
    update, wait = called(log)
    assert update.startswith(
        "aws cloudformation deploy --stack-name media-worker-staging --template-file infra/service.yaml"
    )
    assert update.endswith("--parameter-overrides Revision=abc")
    assert wait == "aws ecs wait services-stable --cluster the-cluster --services the-service"


def test_a_rollout_that_went_back_is_a_failure(roll_out: RollOut, log: Path) -> None:
    done = roll_out("deploy", "staging", fails='*"cloudformation deploy"*')
    assert done.returncode == 1
    assert "describe-stack-events --stack-name media-worker-staging" in done.stderr
    assert len(called(log)) == 1, "nothing is waited for"


@pytest.mark.parametrize("action", ["push", "deploy"])
def test_without_credentials_it_only_says_what_it_would_do(roll_out: RollOut, log: Path, action: str) -> None:
    done = roll_out(action, "staging", fails='*"sts get-caller-identity"*')
    assert done.returncode == 0
    assert done.stdout.startswith("No credentials")
    assert "+ " in done.stdout
    assert log.read_text().splitlines() == ["aws sts get-caller-identity"]


def test_a_push_that_fails_is_a_failure(roll_out: RollOut) -> None:
    assert roll_out("push", "staging", fails='*describe-images*|*"docker push"*').returncode == 1


@pytest.mark.parametrize(
    ("arguments", "revision"),
    [(("push", ""), "abc"), (("undo", "staging"), "abc"), (("push", "staging"), "abc-dirty")],
)
def test_what_it_does_not_understand_it_does_not_do(
    roll_out: RollOut, log: Path, arguments: tuple[str, ...], revision: str
) -> None:
    done = roll_out(*arguments, revision=revision)
    assert done.returncode != 0
    assert done.stderr
    assert not log.exists() or called(log) == []
