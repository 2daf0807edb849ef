"""infra/README.md, infra/ec2.md and docs/ say what the templates have."""

from __future__ import annotations

import re

import pytest

from tests.unit.templates.template import INFRA, Template, service
from worker.settings import Settings

README = (INFRA / "README.md").read_text()
EC2 = (INFRA / "ec2.md").read_text()
DOCS = INFRA.parent / "docs"


@pytest.mark.parametrize("template", [Template("storage-and-queues.yaml"), service()], ids=["storage", "service"])
def test_the_page_names_each_parameter(template: Template) -> None:
    named = set(re.findall(r"[A-Z][A-Za-z]+", README))
    assert template.source["Parameters"].keys() <= named


def test_each_parameter_that_the_page_sets_or_explains_is_one() -> None:
    parameters = {*Template("storage-and-queues.yaml").source["Parameters"], *service().source["Parameters"]}
    mentioned = set(re.findall(r"\b([A-Z][A-Za-z]+)=", README)) | set(
        re.findall(r"^\| `(\w+)`", README, re.MULTILINE)
    )
    assert len(mentioned) > 10
    assert mentioned - {"REVISION", "ENV", "OutputKey"} <= parameters


def test_each_output_that_the_pages_read_is_one() -> None:
    read = set(re.findall(r"OutputKey=='(\w+)'|\$\(output (\w+)\)|output `(\w+)`", README + EC2))
    names = {name for found in read for name in found if name}
    assert {"QueueUrl", "MediaBucketName", "WorkerInstanceProfileName"} <= names
    assert names <= Template("storage-and-queues.yaml").outputs.keys()


def test_the_contract_says_how_often_a_message_is_received_and_how_long_an_outage_may_last() -> None:
    queue = Template("storage-and-queues.yaml").properties("Queue")
    count, days = queue["RedrivePolicy"]["maxReceiveCount"], queue["MessageRetentionPeriod"] // 86_400
    contract = (DOCS / "contract.md").read_text()
    assert f"has a `maxReceiveCount` of {count}, and keeps a message for {days} days" in contract
    hours = count * Settings.model_fields["job_timeout"].default // 3600
    assert f"`maxReceiveCount` × `JOB_TIMEOUT` ({hours} hours with the defaults)" in contract


def test_the_hosts_file_has_settings_of_the_worker() -> None:
    (block,) = re.findall(r"```sh\n( *AWS_REGION=.*?)```", EC2, re.DOTALL)
    names = re.findall(r"^ *(\w+)=", block, re.MULTILINE)
    fields = {name.upper(): field for name, field in Settings.model_fields.items()}
    assert set(names) <= fields.keys()
    assert {name for name, field in fields.items() if field.is_required()} <= set(names)


def test_the_host_gives_the_container_what_ecs_gives_it() -> None:
    (container,) = service().properties("TaskDefinition")["ContainerDefinitions"]
    assert f"--stop-timeout {container['StopTimeout']}" in EC2
    assert f"docker stop --time {container['StopTimeout']} " in EC2
    assert int(re.findall(r"TimeoutStopSec=(\d+)", EC2)[0]) > container["StopTimeout"]
    for option in ("--read-only", "--cap-drop ALL", "--security-opt no-new-privileges", "--tmpfs /tmp"):
        assert option in EC2


def test_whoever_stops_the_process_waits_for_longer_than_it_takes_to_end() -> None:
    (later,) = re.findall(r"The process ends (\d+) s later at most", (DOCS / "contract.md").read_text())
    takes = Settings.model_fields["shutdown_grace"].default + int(later)
    (container,) = service().properties("TaskDefinition")["ContainerDefinitions"]
    assert takes < container["StopTimeout"] <= 120, "Fargate's most"
    (composed,) = re.findall(r"stop_grace_period: (\d+)s", (INFRA.parent / "docker-compose.yml").read_text())
    (told,) = re.findall(r"a stop time-out of \*\*(\d+) s\*\*", (DOCS / "operating.md").read_text())
    assert int(composed) == int(told) == container["StopTimeout"]


def test_the_operators_are_told_what_each_alarm_means() -> None:
    page = (DOCS / "operating.md").read_text()
    assert (
        set(re.findall(r"^\| `(\w+Alarm)` \|", page, re.MULTILINE))
        == service().of_type("AWS::CloudWatch::Alarm").keys()
    )
