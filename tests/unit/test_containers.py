"""What must not drift between the containers, the contract and the settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.checks.machine import Sizing
from worker.probe import TIMEOUT
from worker.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    parsed = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    found: dict[str, Any] = parsed["services"]
    return found


@pytest.fixture(scope="module")
def stages() -> dict[str, list[str]]:
    """The instructions of each of the Dockerfile's stages, without comments; the first is what is before them."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", "")
    first, *others = text.split("\nFROM ")
    names = [re.findall(r"^\S+ AS (\w+)\n", stage) for stage in others]
    return {"": first.splitlines()} | {
        name: stage.splitlines() for (name,), stage in zip(names, others, strict=True)
    }


@pytest.fixture(scope="module")
def worker_stage(stages: dict[str, list[str]]) -> str:
    """The Dockerfile's last stage: what is built where no target is named."""
    return "\n".join([*stages.values()][-1])


def test_localstack_is_the_last_one_that_runs_without_an_account(services: dict[str, Any]) -> None:
    assert services["localstack"]["image"] == "localstack/localstack:4.14.0"


def test_the_worker_starts_once_the_template_is_deployed(services: dict[str, Any]) -> None:
    assert services["worker"]["depends_on"]["deploy"] == {"condition": "service_completed_successfully"}
    assert services["deploy"]["command"] == ["python", "-m", "devstack.deploy"]
    assert (ROOT / "devstack" / "deploy.py").read_text().count('"storage-and-queues.yaml"') == 1


def test_the_worker_needs_no_writable_disk_and_no_rights(services: dict[str, Any]) -> None:
    worker = services["worker"]
    assert worker["read_only"] is True
    assert worker["tmpfs"] == ["/tmp"]
    assert worker["cap_drop"] == ["ALL"]


def test_the_worker_has_longer_to_stop_than_its_grace_period(services: dict[str, Any]) -> None:
    seconds = int(services["worker"]["stop_grace_period"].removesuffix("s"))
    assert seconds > Settings.model_fields["shutdown_grace"].default


def test_every_variable_of_the_worker_is_a_setting_or_boto3s_own(services: dict[str, Any]) -> None:
    variables = set(services["worker"]["environment"])
    own = {name.upper() for name in Settings.model_fields}
    boto3s = {
        "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_MEDIACONVERT",
    }  # fmt: skip
    assert variables <= own | boto3s
    assert {name.upper() for name, field in Settings.model_fields.items() if field.is_required()} <= variables


def test_mediaconvert_is_emulated_with_an_ffmpeg_in_its_image(
    services: dict[str, Any], stages: dict[str, list[str]]
) -> None:
    emulator = services["mediaconvert"]
    assert emulator["command"] == ["python", "-m", "devstack.mediaconvert"]
    endpoint = services["worker"]["environment"]["AWS_ENDPOINT_URL_MEDIACONVERT"]
    assert endpoint == f"http://mediaconvert:{emulator['environment']['MEDIACONVERT_PORT']}"
    assert services["worker"]["environment"]["MEDIACONVERT_ROLE_ARN"].startswith("arn:aws:iam::")
    assert "mediaconvert" in services["worker"]["depends_on"]
    assert emulator["image"] == services["deploy"]["image"]
    stage = "\n".join(stages[services["deploy"]["build"]["target"]])
    assert "--no-install-recommends ffmpeg" in stage
    assert stage.index("USER 10001:10001") > stage.index("apt-get")


def test_devstack_is_built_once_and_is_one_image(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "build" in service] == ["deploy", "worker"]
    others = {service["image"] for name, service in services.items() if name not in ("localstack", "worker")}
    assert len(others) == 1


def test_each_service_waits_for_what_it_needs_to_be_healthy(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for needed, rule in service.get("depends_on", {}).items():
            ends = needed == "deploy"
            assert rule["condition"] == ("service_completed_successfully" if ends else "service_healthy"), name
            assert ends or "healthcheck" in services[needed], needed


def test_what_fails_is_started_again(services: dict[str, Any]) -> None:
    """The deployment, too: LocalStack forgets everything when it is restarted."""
    assert {name: service.get("restart", "") for name, service in services.items()} == {
        "localstack": "on-failure", "deploy": "on-failure:5", "receiver": "on-failure",
        "mediaconvert": "on-failure", "worker": "on-failure", "sample": "",
    }  # fmt: skip
    assert services["deploy"]["depends_on"]["localstack"]["restart"] is True


def test_each_port_is_this_machines_alone_and_has_a_comment(services: dict[str, Any]) -> None:
    lines = [line for line in (ROOT / "docker-compose.yml").read_text().splitlines() if "ports:" in line]
    assert len(lines) == sum("ports" in service for service in services.values()) == 3
    for line in lines:
        assert re.fullmatch(r' +ports: \["127\.0\.0\.1:(\d+):\1"\]  # .+', line), line


def test_the_memory_limit_is_enough_for_the_default_settings(services: dict[str, Any]) -> None:
    """By the formula of docs/operating.md, on two CPUs."""
    page = (ROOT / "docs" / "operating.md").read_text()
    (found,) = re.findall(
        r"(\d+) MB \+ (\d+) MB × `WORKER_CONCURRENCY` \+ `PHOTO_BUFFER` \+ "
        r"\(`IMAGE_PROCESSES` \+ (\d+)\) × `IMAGE_MEMORY`",
        page,
    )
    process, job, spare = map(int, found)
    default = {name: field.default for name, field in Settings.model_fields.items()}
    needed = (process + job * default["worker_concurrency"]) * 1_000_000 + default["photo_buffer"]
    needed += (2 + spare) * default["image_memory"]
    sizing = Sizing(default["worker_concurrency"], 2, default["image_memory"], default["photo_buffer"])
    assert needed == sizing.memory
    limit = int(services["worker"]["mem_limit"].removesuffix("g")) * 1024**3
    assert needed <= limit < 1.25 * needed


def test_samples_only_come_when_asked_for(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if service.get("profiles")] == ["sample"]


def test_the_image_runs_as_nobody_and_gets_its_signals(stages: dict[str, list[str]], worker_stage: str) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert worker_stage.startswith("runtime AS worker\n")
    assert stages["runtime"][0] == "python:${PYTHON}-slim AS runtime"
    assert stages["runtime"][-1] == "USER 10001:10001"
    assert "USER" not in worker_stage
    assert 'ENTRYPOINT ["media-worker"]' in worker_stage
    assert 'CMD ["run"]' in worker_stage
    assert "STOPSIGNAL SIGTERM" in worker_stage
    assert "--require-hashes -r /requirements.txt" in dockerfile
    assert "COPY requirements/run.txt /requirements.txt" in dockerfile


def test_python_is_named_once(stages: dict[str, list[str]]) -> None:
    assert stages[""] == ["ARG PYTHON=3.13"]
    assert (ROOT / "Dockerfile").read_text().count("3.13") == 1


def test_the_image_asks_the_worker_itself_how_it_is(worker_stage: str) -> None:
    (seconds,) = re.findall(
        r'^HEALTHCHECK .*--timeout=(\d+)s .* CMD \["media-worker", "health"\]$', worker_stage, re.M
    )
    assert int(seconds) > TIMEOUT


def test_a_change_of_the_code_makes_no_layer_but_its_own(stages: dict[str, list[str]]) -> None:
    """What changes seldom comes first: ffmpeg before devstack, the dependencies and Python before the code."""
    copied = {stage: [line for line in lines if line.startswith("COPY ")] for stage, lines in stages.items()}
    assert copied["dependencies"] == ["COPY requirements/run.txt /requirements.txt"]
    assert copied["runtime"] == ["COPY --from=dependencies /opt/media-worker /opt/media-worker"]
    assert not any(line.startswith("RUN ") for line in stages["worker"])
    devstack = [line.split()[0] for line in stages["devstack"]]
    assert max(index for index, word in enumerate(devstack) if word == "RUN") < devstack.index("COPY")


def test_the_build_arguments_are_in_the_environment_and_the_labels(worker_stage: str) -> None:
    for name in ("VERSION", "REVISION"):
        assert f"MEDIA_WORKER_{name}=${{{name}}}" in worker_stage
        assert f"org.opencontainers.image.{name.lower()}=${{{name}}}" in worker_stage
        assert f"--build-arg {name}=$({name})" in (ROOT / "Makefile").read_text()
