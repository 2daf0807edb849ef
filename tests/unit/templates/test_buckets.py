"""The buckets of storage-and-queues.yaml."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.templates.template import RETAINED, Template, refused

BUCKETS = {"MediaBucket": "toq-listing-medias", "LogBucket": "toq-logs-staging"}


@pytest.fixture(scope="module")
def template() -> Template:
    return Template("storage-and-queues.yaml")


def rules(template: Template, bucket: str) -> dict[str, Any]:
    found = template.properties(bucket)["LifecycleConfiguration"]["Rules"]
    assert all(rule["Status"] == "Enabled" for rule in found)
    assert not any("Prefix" in rule for rule in found), "the old rule's prefix raw/ never matched a key"
    return {rule["Id"]: {name: it for name, it in rule.items() if name not in ("Id", "Status")} for rule in found}


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
    from adapters.conditional import WORK
    from adapters.s3 import BUNDLE, STAGE

    assert f"{STAGE}=work" == WORK
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
