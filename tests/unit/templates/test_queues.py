"""The key and the queues of storage-and-queues.yaml."""

from __future__ import annotations

import pytest

from tests.unit.templates.template import RETAINED, Template, refused


@pytest.fixture(scope="module")
def template() -> Template:
    return Template("storage-and-queues.yaml")


def test_the_key_rotates_every_year_and_has_its_alias(template: Template) -> None:
    key = template.properties("Key")
    assert key["EnableKeyRotation"] is True
    assert key["RotationPeriodInDays"] == 365
    assert RETAINED.items() <= template.resources["Key"].items(), "what it encrypted would be lost with it"
    alias = template.properties("KeyAlias")
    assert alias == {"AliasName": "alias/toq-media-processing-staging", "TargetKeyId": "Key"}


def test_the_key_serves_the_account_and_the_workers_log_groups(template: Template) -> None:
    document = template.properties("Key")["KeyPolicy"]
    assert document["Version"] == "2012-10-17"
    account, logs = document["Statement"]
    assert account["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    assert logs["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"}
    assert account["Effect"] == logs["Effect"] == "Allow"
    assert account["Resource"] == logs["Resource"] == "*"
    assert account["Action"] == "kms:*"
    assert logs["Action"] == [
        "kms:Encrypt*",
        "kms:Decrypt*",
        "kms:ReEncrypt*",
        "kms:GenerateDataKey*",
        "kms:Describe*",
    ]
    groups = "arn:aws:logs:us-east-1:111122223333:log-group:/media-worker/*"
    assert logs["Condition"] == {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}}


def test_the_queue_and_its_dlq_which_takes_from_that_queue_alone(template: Template) -> None:
    assert template.properties("Queue") == {
        "QueueName": "listing-media-processing-staging",
        "VisibilityTimeout": 60,
        "MessageRetentionPeriod": 345_600,
        "ReceiveMessageWaitTimeSeconds": 20,
        "KmsMasterKeyId": "Key.Arn",
        "RedrivePolicy": {"deadLetterTargetArn": "DeadLetterQueue.Arn", "maxReceiveCount": 5},
    }
    source = "arn:aws:sqs:us-east-1:111122223333:listing-media-processing-staging"
    assert template.properties("DeadLetterQueue") == {
        "QueueName": "listing-media-processing-dlq-staging",
        "MessageRetentionPeriod": 1_209_600,
        "KmsMasterKeyId": "Key.Arn",
        "RedriveAllowPolicy": {"redrivePermission": "byQueue", "sourceQueueArns": [source]},
    }


@pytest.mark.parametrize("queue", ["Queue", "DeadLetterQueue"])
def test_no_queue_takes_plain_http_or_goes_with_its_stack(template: Template, queue: str) -> None:
    assert RETAINED.items() <= template.resources[queue].items()
    assert template.properties(f"{queue}Policy")["Queues"] == [queue]
    statement = refused(template, f"{queue}Policy")
    assert statement["Action"] == "sqs:*"
    assert statement["Resource"] == f"{queue}.Arn"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
