"""storage-and-queues.yaml beside what exists: nothing of that is made or changed, and the roles fit it."""

from __future__ import annotations

import json

import pytest

from tests.unit.templates.template import Template, resources_of, statements

KEY = "arn:aws:kms:us-east-1:111122223333:key/old"
SQS = "arn:aws:sqs:us-east-1:111122223333"
ADOPTED = {
    "ExistingBucket": "old-bucket",
    "ExistingKeyArn": KEY,
    "ExistingQueue": "old-queue",
    "ExistingDeadLetterQueue": "old-dlq",
}
ROLES = ("BackendRole", "WorkerRole", "OperatorRole", "MediaConvertRole")


def adopting(*names: str, **others: str) -> Template:
    return Template("storage-and-queues.yaml", **{name: ADOPTED[name] for name in names}, **others)


def test_the_names_are_the_old_systems_and_nothing_is_adopted_by_default() -> None:
    assert adopting().defaults() == {
        "Environment": "staging",
        "NamePrefix": "",
        "MediaBucketName": "toq-listing-medias",
        "LogBucketName": "toq-logs",
        "QueueName": "listing-media-processing",
        "RoleName": "toq-media-processing",
        "UploadOrigins": "",
        **dict.fromkeys(ADOPTED, ""),
    }


def test_what_is_made_where_nothing_is_adopted() -> None:
    assert {name: it["Type"] for name, it in adopting().resources.items()} == {
        "Key": "AWS::KMS::Key",
        "KeyAlias": "AWS::KMS::Alias",
        "LogBucket": "AWS::S3::Bucket",
        "LogBucketPolicy": "AWS::S3::BucketPolicy",
        "MediaBucket": "AWS::S3::Bucket",
        "MediaBucketPolicy": "AWS::S3::BucketPolicy",
        "DeadLetterQueue": "AWS::SQS::Queue",
        "DeadLetterQueuePolicy": "AWS::SQS::QueuePolicy",
        "Queue": "AWS::SQS::Queue",
        "QueuePolicy": "AWS::SQS::QueuePolicy",
        "WorkerInstanceProfile": "AWS::IAM::InstanceProfile",
        **dict.fromkeys(ROLES, "AWS::IAM::Role"),
    }


def test_where_all_is_adopted_only_roles_are_made() -> None:
    template = adopting(*ADOPTED)
    assert template.resources.keys() == {*ROLES, "WorkerInstanceProfile"}
    made = json.dumps([template.resources, template.outputs])
    assert not any(f"{name}.Arn" in made for name in ("MediaBucket", "Queue", "Key"))


def test_the_roles_fit_what_is_adopted() -> None:
    template = adopting(*ADOPTED)
    worker, backend, mediaconvert = (
        template.properties(f"{name}Role") for name in ("Worker", "Backend", "MediaConvert")
    )
    assert resources_of(worker, "sqs:ReceiveMessage") == [f"{SQS}:old-queue"]
    assert resources_of(backend, "sqs:SendMessage") == [f"{SQS}:old-queue"]
    assert (
        resources_of(worker, "s3:ListBucket")
        == resources_of(backend, "s3:ListBucket")
        == ["arn:aws:s3:::old-bucket"]
    )
    for role in (worker, backend, mediaconvert):
        resources = [it for statement in statements(role) for it in statement["Resource"] if ":s3:" in it]
        assert all(it.startswith("arn:aws:s3:::old-bucket/*/") for it in resources)
        assert resources_of(role, "kms:Decrypt") == [KEY]


def test_the_outputs_say_what_is_adopted() -> None:
    outputs = adopting(*ADOPTED).outputs
    sqs = "https://sqs.us-east-1.amazonaws.com/111122223333"
    assert {name: it["Value"] for name, it in outputs.items()} == {
        "QueueUrl": f"{sqs}/old-queue",
        "QueueName": "old-queue",
        "DeadLetterQueueUrl": f"{sqs}/old-dlq",
        "DeadLetterQueueName": "old-dlq",
        "MediaBucketName": "old-bucket",
        "KeyArn": KEY,
        "BackendRoleArn": "BackendRole.Arn",
        "WorkerRoleArn": "WorkerRole.Arn",
        "MediaConvertRoleArn": "MediaConvertRole.Arn",
        "OperatorRoleArn": "OperatorRole.Arn",
        "WorkerInstanceProfileName": "WorkerInstanceProfile",
    }


def test_the_outputs_say_what_is_made_and_are_exported() -> None:
    outputs = adopting().outputs
    assert {name: it["Value"] for name, it in outputs.items()} == {
        "QueueUrl": "Queue",
        "QueueName": "Queue.QueueName",
        "DeadLetterQueueUrl": "DeadLetterQueue",
        "DeadLetterQueueName": "DeadLetterQueue.QueueName",
        "MediaBucketName": "MediaBucket",
        "LogBucketName": "LogBucket",
        "KeyArn": "Key.Arn",
        "BackendRoleArn": "BackendRole.Arn",
        "WorkerRoleArn": "WorkerRole.Arn",
        "MediaConvertRoleArn": "MediaConvertRole.Arn",
        "OperatorRoleArn": "OperatorRole.Arn",
        "WorkerInstanceProfileName": "WorkerInstanceProfile",
    }
    exports = {name: it["Export"]["Name"] for name, it in outputs.items() if name != "LogBucketName"}
    assert exports == {name: f"media-{name}" for name in exports}


@pytest.mark.parametrize(
    ("adopted", "unmade"),
    [
        ("ExistingBucket", {"MediaBucket", "MediaBucketPolicy", "LogBucket", "LogBucketPolicy"}),
        ("ExistingKeyArn", {"Key", "KeyAlias"}),
        ("ExistingQueue", {"Queue", "QueuePolicy"}),
        ("ExistingDeadLetterQueue", {"DeadLetterQueue", "DeadLetterQueuePolicy"}),
    ],
)
def test_each_of_them_is_adopted_by_itself(adopted: str, unmade: set[str]) -> None:
    assert adopting().resources.keys() - adopting(adopted).resources.keys() == unmade


def test_what_is_made_beside_what_is_adopted_fits_it() -> None:
    assert adopting("ExistingKeyArn").properties("Queue")["KmsMasterKeyId"] == KEY
    assert adopting("ExistingKeyArn").properties("DeadLetterQueue")["KmsMasterKeyId"] == KEY
    (rule,) = adopting("ExistingKeyArn").properties("MediaBucket")["BucketEncryption"][
        "ServerSideEncryptionConfiguration"
    ]
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == KEY
    queue = adopting("ExistingDeadLetterQueue").properties("Queue")
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == f"{SQS}:old-dlq"
    dlq = adopting("ExistingQueue").properties("DeadLetterQueue")
    assert dlq["RedriveAllowPolicy"]["sourceQueueArns"] == [f"{SQS}:old-queue"]


def test_a_prefix_and_other_names_let_it_stand_beside_the_old_stack() -> None:
    template = adopting(
        NamePrefix="new-",
        MediaBucketName="m",
        LogBucketName="l",
        QueueName="q",
        RoleName="r",
        Environment="production",
    )
    named = [
        template.properties("MediaBucket")["BucketName"],
        template.properties("LogBucket")["BucketName"],
        template.properties("KeyAlias")["AliasName"],
        template.properties("Queue")["QueueName"],
        template.properties("DeadLetterQueue")["QueueName"],
        template.properties("DeadLetterQueue")["RedriveAllowPolicy"]["sourceQueueArns"][0].rsplit(":", 1)[1],
        template.properties("LogBucketPolicy")["PolicyDocument"]["Statement"][0]["Condition"]["ArnLike"][
            "aws:SourceArn"
        ],
        *(template.properties(role)["RoleName"] for role in ROLES),
    ]
    assert named == [
        "new-m", "new-l-production", "alias/new-r-production", "new-q-production", "new-q-dlq-production",
        "new-q-production", "arn:aws:s3:::new-m",
        "new-r-backend-production", "new-r-worker-production", "new-r-operator-production",
        "new-r-mediaconvert-production",
    ]  # fmt: skip
