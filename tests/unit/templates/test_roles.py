"""The roles of storage-and-queues.yaml: what each may do, and who takes it on."""

from __future__ import annotations

from typing import Any

import pytest

from domain.keys import BACKEND_WRITES
from tests.unit.templates.template import Template, actions, listed, resources_of, statements

ROLES = {
    "BackendRole": "backend",
    "WorkerRole": "worker",
    "OperatorRole": "operator",
    "MediaConvertRole": "mediaconvert",
}
BUCKET = "arn:aws:s3:::MediaBucket"
RAW, PROCESSED, WORK = (f"{BUCKET}/*/{folder}/*" for folder in ("raw", "processed", "work"))
CHECKED = ("s3:GetBucketVersioning", "s3:GetEncryptionConfiguration")
S3, SQS = "s3.us-east-1.amazonaws.com", "sqs.us-east-1.amazonaws.com"


@pytest.fixture(scope="module")
def template() -> Template:
    return Template("storage-and-queues.yaml")


def objects(role: Any) -> dict[str, list[str]]:
    """Where in the bucket a role may do what."""
    return {action: resources_of(role, action) for action in sorted(actions(role)) if action.startswith("s3:")}


def test_the_worker_may_do_what_it_does_and_no_more(template: Template) -> None:
    worker = template.properties("WorkerRole")
    assert {action for action in actions(worker) if not action.startswith("s3:")} == {
        "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes",
        "kms:Decrypt", "kms:GenerateDataKey",
        "mediaconvert:CreateJob", "mediaconvert:GetJob", "mediaconvert:Probe", "iam:PassRole",
        "mediaconvert:GetQueue", "iam:GetRole",
        "ecs:GetTaskProtection", "ecs:UpdateTaskProtection",
    }  # fmt: skip
    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"):
        assert resources_of(worker, action) == ["Queue.Arn"]
    assert objects(worker) == {
        "s3:ListBucket": ["MediaBucket.Arn"],
        "s3:ListBucketMultipartUploads": ["MediaBucket.Arn"],
        "s3:GetObject": [RAW, PROCESSED, WORK],
        "s3:PutObject": [PROCESSED, WORK],
        "s3:AbortMultipartUpload": [PROCESSED, WORK],
        "s3:DeleteObject": [f"{BUCKET}/*/processed/zip/*"],
        "s3:GetObjectTagging": [RAW, WORK],
        "s3:PutObjectTagging": [RAW, WORK, PROCESSED],
        "s3:GetObjectVersionTagging": [RAW],
        "s3:PutObjectVersionTagging": [RAW],
        **{action: ["MediaBucket.Arn"] for action in CHECKED},
    }
    assert resources_of(worker, "sqs:GetQueueAttributes") == ["Queue.Arn", "DeadLetterQueue.Arn"]
    assert resources_of(worker, "iam:GetRole") == ["MediaConvertRole.Arn"]


def test_the_worker_transcodes_in_its_own_account_and_protects_its_own_tasks(template: Template) -> None:
    worker = template.properties("WorkerRole")
    here = "us-east-1:111122223333"
    queues_and_jobs = [f"arn:aws:mediaconvert:{here}:queues/*", f"arn:aws:mediaconvert:{here}:jobs/*"]
    assert resources_of(worker, "mediaconvert:CreateJob") == queues_and_jobs
    assert resources_of(worker, "mediaconvert:GetJob") == queues_and_jobs
    assert resources_of(worker, "ecs:UpdateTaskProtection") == [f"arn:aws:ecs:{here}:task/*"]
    assert resources_of(worker, "ecs:GetTaskProtection") == [f"arn:aws:ecs:{here}:task/*"]


def test_nobody_else_writes_what_the_worker_believes(template: Template) -> None:
    """It takes the metadata of what is under processed/ for its own, but for what the backend writes there."""
    writable = {
        name: [it for it in resources_of(role, "s3:PutObject") if "/processed/" in it]
        for name, role in template.of_type("AWS::IAM::Role").items()
    }
    assert writable == {
        "BackendRole": [f"{BUCKET}/{BACKEND_WRITES}"],
        "WorkerRole": [PROCESSED],
        "OperatorRole": [],
        "MediaConvertRole": [PROCESSED],
    }


def test_the_worker_hands_one_role_to_mediaconvert_alone(template: Template) -> None:
    (statement,) = [it for it in statements(template.properties("WorkerRole")) if it["Action"] == "iam:PassRole"]
    assert statement["Resource"] == "MediaConvertRole.Arn"
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "mediaconvert.amazonaws.com"}}


def test_the_backend_uploads_enqueues_hands_out_and_deletes(template: Template) -> None:
    backend = template.properties("BackendRole")
    assert {action for action in actions(backend) if not action.startswith("s3:")} == {
        "sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "kms:Decrypt", "kms:GenerateDataKey",
    }  # fmt: skip
    assert resources_of(backend, "sqs:SendMessage") == ["Queue.Arn"]
    assert objects(backend) == {
        "s3:ListBucket": ["MediaBucket.Arn"],
        "s3:PutObject": [RAW, f"{BUCKET}/{BACKEND_WRITES}"],
        "s3:AbortMultipartUpload": [RAW],
        "s3:GetObject": [RAW, PROCESSED],
        "s3:DeleteObject": [RAW, PROCESSED],
    }


def test_an_operator_may_do_what_the_commands_do_and_no_more(template: Template) -> None:
    operator = template.properties("OperatorRole")
    others = {action for action in actions(operator) if not action.startswith("s3:")}
    assert {action: resources_of(operator, action) for action in others} == {
        "sqs:SendMessage": ["Queue.Arn"],
        "sqs:GetQueueAttributes": ["Queue.Arn", "DeadLetterQueue.Arn"],
        "sqs:GetQueueUrl": ["DeadLetterQueue.Arn"],
        "sqs:ReceiveMessage": ["DeadLetterQueue.Arn"],
        "sqs:DeleteMessage": ["DeadLetterQueue.Arn"],
        "sqs:ChangeMessageVisibility": ["DeadLetterQueue.Arn"],
        "kms:Decrypt": ["Key.Arn"],
        "kms:GenerateDataKey": ["Key.Arn"],
        "mediaconvert:GetQueue": ["arn:aws:mediaconvert:us-east-1:111122223333:queues/*"],
        "mediaconvert:Probe": ["*"],
        "iam:GetRole": ["MediaConvertRole.Arn"],
    }
    checks = [f"{BUCKET}/0/work/checks/*"]
    assert objects(operator) == {
        "s3:ListBucket": ["MediaBucket.Arn"],
        "s3:GetBucketVersioning": ["MediaBucket.Arn"],
        "s3:GetEncryptionConfiguration": ["MediaBucket.Arn"],
        "s3:GetObject": [WORK],
        "s3:PutObject": checks,
        "s3:GetObjectTagging": checks,
        "s3:PutObjectTagging": checks,
    }


def test_the_account_says_who_is_an_operator(template: Template) -> None:
    document = template.properties("OperatorRole")["AssumeRolePolicyDocument"]
    assert document["Version"] == "2012-10-17"
    account = {"AWS": "arn:aws:iam::111122223333:root"}
    assert document["Statement"] == [{"Effect": "Allow", "Principal": account, "Action": "sts:AssumeRole"}]


def test_mediaconvert_reads_uploads_and_writes_renditions(template: Template) -> None:
    role = template.properties("MediaConvertRole")
    assert actions(role) - set(objects(role)) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert objects(role) == {"s3:GetObject": [RAW], "s3:PutObject": [PROCESSED, WORK]}


@pytest.mark.parametrize(
    ("role", "services"),
    [("BackendRole", [S3, SQS]), ("WorkerRole", [S3, SQS]), ("OperatorRole", [S3, SQS]), ("MediaConvertRole", S3)],
)
def test_a_role_uses_the_key_only_through_the_bucket_and_the_queue(
    template: Template, role: str, services: Any
) -> None:
    (statement,) = [it for it in statements(template.properties(role)) if "kms:Decrypt" in it["Action"]]
    assert statement["Resource"] == "Key.Arn"
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": services}}


@pytest.mark.parametrize(
    ("role", "services"),
    [
        ("BackendRole", ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"]),
        ("WorkerRole", ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"]),
        ("MediaConvertRole", ["mediaconvert.amazonaws.com"]),
    ],
)
def test_who_takes_on_a_role(template: Template, role: str, services: list[str]) -> None:
    document = template.properties(role)["AssumeRolePolicyDocument"]
    assert document["Version"] == "2012-10-17"
    ours = {"StringEquals": {"aws:SourceAccount": "111122223333"}}
    for statement, service in zip(document["Statement"], services, strict=True):
        assert statement["Effect"] == "Allow"
        assert statement["Principal"] == {"Service": service}
        assert statement["Action"] == "sts:AssumeRole"
        assert statement.get("Condition") == (None if service.startswith("ec2.") else ours), "EC2 names no account"


@pytest.mark.parametrize("role", ROLES)
def test_no_role_has_a_wildcard_but_for_probe(template: Template, role: str) -> None:
    properties = template.properties(role)
    assert properties["RoleName"] == f"toq-media-processing-{ROLES[role]}-staging", "the old system's"
    assert not any("*" in action for action in actions(properties))
    wild = {
        action
        for statement in statements(properties)
        if "*" in listed(statement["Resource"])
        for action in listed(statement["Action"])
    }
    assert wild == ({"mediaconvert:Probe"} if role in ("WorkerRole", "OperatorRole") else set())


def test_an_ec2_host_takes_on_the_workers_role(template: Template) -> None:
    assert template.properties("WorkerInstanceProfile") == {"Roles": ["WorkerRole"]}
