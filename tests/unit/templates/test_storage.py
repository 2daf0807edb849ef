"""Key, buckets and queues of storage-and-queues.yaml, all of them made anew."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.templates.template import Template

BUCKETS = {"MediaBucket": "toq-listing-medias", "LogBucket": "toq-logs-staging"}
RETAINED = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


@pytest.fixture(scope="module")
def template() -> Template:
    return Template("storage-and-queues.yaml")


def rules(template: Template, bucket: str) -> dict[str, Any]:
    found = template.properties(bucket)["LifecycleConfiguration"]["Rules"]
    assert all(rule["Status"] == "Enabled" for rule in found)
    assert not any("Prefix" in rule for rule in found), "the old rule's prefix raw/ never matched a key"
    return {rule["Id"]: {name: it for name, it in rule.items() if name not in ("Id", "Status")} for rule in found}


def refused(template: Template, policy: str) -> dict[str, Any]:
    """The statement that everybody is refused by."""
    document = template.properties(policy)["PolicyDocument"]
    assert document["Version"] == "2012-10-17"
    (statement,) = [it for it in document["Statement"] if it["Effect"] == "Deny"]
    assert statement["Principal"] == "*"
    return dict(statement)


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


def test_both_buckets_are_encrypted(template: Template) -> None:
    (media,) = template.properties("MediaBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert media["BucketKeyEnabled"] is True
    assert media["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "Key.Arn"}
    (logs,) = template.properties("LogBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert logs["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}, "log delivery knows no other key"


def test_the_media_bucket_is_versioned_and_logs_to_the_log_bucket(template: Template) -> None:
    bucket = template.properties("MediaBucket")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["LoggingConfiguration"] == {"DestinationBucketName": "LogBucket", "LogFilePrefix": "media/"}
    assert template.resources["MediaBucket"]["DependsOn"] == "LogBucketPolicy"
    policy = template.properties("LogBucketPolicy")
    assert policy["Bucket"] == "LogBucket"
    statement = policy["PolicyDocument"]["Statement"][0]
    assert statement["Effect"] == "Allow"
    assert statement["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert statement["Action"] == "s3:PutObject"
    assert statement["Resource"] == "LogBucket.Arn/media/*"
    assert statement["Condition"] == {
        "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket['BucketName']}"},
        "StringEquals": {"aws:SourceAccount": "111122223333"},
    }


@pytest.mark.parametrize("bucket", BUCKETS)
def test_no_bucket_is_public_takes_plain_http_or_goes_with_its_stack(template: Template, bucket: str) -> None:
    assert template.properties(bucket)["BucketName"] == BUCKETS[bucket], "the old system's"
    block = template.properties(bucket)["PublicAccessBlockConfiguration"]
    names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    assert block == dict.fromkeys(names, True)
    assert RETAINED.items() <= template.resources[bucket].items()
    assert template.properties(f"{bucket}Policy")["Bucket"] == bucket
    statement = refused(template, f"{bucket}Policy")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Action"] == "s3:*"
    assert statement["Resource"] == [f"{bucket}.Arn", f"{bucket}.Arn/*"]


def test_the_lifecycle_rules_match_what_the_worker_tags(template: Template) -> None:
    from adapters.journal import TAGS
    from adapters.s3 import BUNDLE, STAGE

    assert TAGS == {STAGE: "work"}
    incomplete = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}}
    assert rules(template, "MediaBucket") == {
        "archive-processed-uploads": {
            "TagFilters": [{"Key": STAGE, "Value": "raw"}],
            "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 180}],
        },
        "expire-work": {
            "TagFilters": [{"Key": STAGE, "Value": "work"}],
            "ExpirationInDays": 30,
            "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
        },
        "expire-old-bundles": {
            "TagFilters": [{"Key": STAGE, "Value": BUNDLE}],
            "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
        },
        "expire-old-versions": {
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            "ExpiredObjectDeleteMarker": True,
        },
        "abort-incomplete-uploads": incomplete,  # S3 refuses a filter by tag on this action
    }
    assert rules(template, "LogBucket") == {
        "expire-logs": {"ExpirationInDays": 90},
        "abort-incomplete-uploads": incomplete,
    }


def test_browsers_upload_only_from_origins_that_are_named(template: Template) -> None:
    assert "CorsConfiguration" not in template.properties("MediaBucket")
    origins = ["https://www.example.com", "https://admin.example.com"]
    open_to = Template("storage-and-queues.yaml", UploadOrigins=",".join(origins))
    (rule,) = open_to.properties("MediaBucket")["CorsConfiguration"]["CorsRules"]
    assert rule == {
        "AllowedOrigins": origins,
        "AllowedMethods": ["PUT", "POST"],
        "AllowedHeaders": ["*"],
        "ExposedHeaders": ["ETag"],
        "MaxAge": 3600,
    }


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
