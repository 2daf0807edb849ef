"""Deploys the CloudFormation templates to an emulator."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, WaiterError

from devstack.aws import session

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

INFRA = Path(__file__).parent.parent / "infra"
STORAGE = INFRA / "storage-and-queues.yaml"


class DeployError(RuntimeError):
    """The stack could not be made; the message gives CloudFormation's reasons."""


@dataclass(frozen=True, slots=True)
class Stack:
    """What a deployed template offers, as its outputs say."""

    queue_url: str
    dead_letter_queue_url: str
    bucket: str
    media_convert_role_arn: str


def deploy(endpoint: str, environment: str, **parameters: str) -> Stack:
    """Make the stack `media-{environment}` of the storage template, or find it made. Raises `DeployError`."""
    outputs = create(endpoint, f"media-{environment}", STORAGE, {"Environment": environment, **parameters})
    return Stack(
        queue_url=outputs["QueueUrl"],
        dead_letter_queue_url=outputs["DeadLetterQueueUrl"],
        bucket=outputs["MediaBucketName"],
        media_convert_role_arn=outputs["MediaConvertRoleArn"],
    )


def create(endpoint: str, name: str, template: Path, parameters: Mapping[str, str]) -> Mapping[str, str]:
    """Make a stack, or find it made already, and return its outputs. Raises `DeployError`."""
    client = session().client("cloudformation", endpoint_url=endpoint)
    try:
        client.create_stack(
            StackName=name,
            TemplateBody=template.read_text(encoding="utf-8"),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
    except client.exceptions.AlreadyExistsException:
        pass
    except ClientError as error:
        raise DeployError(str(error)) from error
    try:
        client.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
    except WaiterError as error:
        raise DeployError(f"{name}: {_reasons(client, name)}") from error
    stack = client.describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _reasons(client: CloudFormationClient, name: str) -> str:
    events = client.describe_stack_events(StackName=name)["StackEvents"]
    return "; ".join(
        f"{event.get('LogicalResourceId')}: {event.get('ResourceStatusReason')}"
        for event in reversed(events)
        if "FAILED" in event.get("ResourceStatus", "")
    )


def main() -> None:
    """Deploy to `AWS_ENDPOINT_URL`, for the environment named by `ENVIRONMENT` (default `local`)."""
    stack = deploy(os.environ["AWS_ENDPOINT_URL"], os.environ.get("ENVIRONMENT", "local"))
    print(f"queue  {stack.queue_url}\nDLQ    {stack.dead_letter_queue_url}\nbucket {stack.bucket}")


if __name__ == "__main__":
    main()
