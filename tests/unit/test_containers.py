"""What must not drift between the containers, the contract and the settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from worker.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    parsed = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    found: dict[str, Any] = parsed["services"]
    return found


@pytest.fixture(scope="module")
def worker_stage() -> str:
    """The Dockerfile's last stage: what is built where no target is named."""
    return (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]


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


def test_mediaconvert_is_emulated_with_an_ffmpeg_in_its_image(services: dict[str, Any]) -> None:
    emulator = services["mediaconvert"]
    assert emulator["command"] == ["python", "-m", "devstack.mediaconvert"]
    endpoint = services["worker"]["environment"]["AWS_ENDPOINT_URL_MEDIACONVERT"]
    assert endpoint == f"http://mediaconvert:{emulator['environment']['MEDIACONVERT_PORT']}"
    assert services["worker"]["environment"]["MEDIACONVERT_ROLE_ARN"].startswith("arn:aws:iam::")
    assert "mediaconvert" in services["worker"]["depends_on"]
    stage = (ROOT / "Dockerfile").read_text().split(f"AS {emulator['build']['target']}\n")[1].split("\nFROM ")[0]
    assert "--no-install-recommends ffmpeg" in stage
    assert stage.index("USER 10001:10001") > stage.index("apt-get")


def test_samples_only_come_when_asked_for(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if service.get("profiles")] == ["sample"]


def test_the_image_runs_as_nobody_and_gets_its_signals(worker_stage: str) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert worker_stage.startswith("base AS worker\n")
    assert re.search(r"^FROM python:3\.13-slim AS base$", dockerfile, re.MULTILINE)
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", dockerfile, re.MULTILINE)
    assert 'ENTRYPOINT ["media-worker"]' in worker_stage
    assert 'CMD ["run"]' in worker_stage
    assert re.search(r"HEALTHCHECK .*\n.*/livez", worker_stage)
    assert "--require-hashes -r requirements/run.txt" in dockerfile
