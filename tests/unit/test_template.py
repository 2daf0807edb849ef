"""The template, parsed: emulators skip properties in silence, so what they say proves little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

TEMPLATE = Path(__file__).parents[2] / "infra" / "storage-and-queues.yaml"

Template = dict[str, Any]


@pytest.fixture(scope="module")
def template() -> Template:
    parsed: Template = plain(cfn_yaml.load(str(TEMPLATE)))
    return parsed


def plain(node: Any) -> Any:
    """The template in Python's own types."""
    if isinstance(node, dict):
        return {str(name): plain(value) for name, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    return node


def properties(template: Template, name: str) -> Template:
    found: Template = template["Resources"][name]["Properties"]
    return found


def statements(template: Template, role: str) -> list[Template]:
    (policy,) = properties(template, role)["Policies"]
    found: list[Template] = policy["PolicyDocument"]["Statement"]
    assert all(statement["Effect"] == "Allow" for statement in found)
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def actions(template: Template, role: str) -> set[str]:
    return {action for statement in statements(template, role) for action in listed(statement["Action"])}


def resources_of(template: Template, role: str, action: str) -> list[Any]:
    return [
        resource["Fn::Sub"] if isinstance(resource, dict) and "Fn::Sub" in resource else resource
        for statement in statements(template, role)
        if action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


def arn_of(name: str) -> Template:
    return {"Fn::GetAtt": [name, "Arn"]}


def named(text: str) -> Template:
    return {"Fn::Sub": text}


def test_the_key_rotates_every_year_and_has_its_alias(template: Template) -> None:
    key = properties(template, "Key")
    assert key["EnableKeyRotation"] is True
    assert key["RotationPeriodInDays"] == 365
    assert template["Resources"]["Key"]["DeletionPolicy"] == "Retain", "what it encrypted would be lost with it"
    (statement,) = key["KeyPolicy"]["Statement"]
    assert statement["Principal"] == {"AWS": named("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")}
    alias = properties(template, "KeyAlias")
    assert alias["AliasName"] == named("alias/toq-media-processing-${Environment}")
    assert alias["TargetKeyId"] == {"Ref": "Key"}


def test_the_media_bucket_is_encrypted_with_that_key_and_a_bucket_key(template: Template) -> None:
    (rule,) = properties(template, "MediaBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["BucketKeyEnabled"] is True
    assert rule["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": arn_of("Key"),
    }


def test_the_media_bucket_is_versioned_and_logs_to_the_log_bucket(template: Template) -> None:
    bucket = properties(template, "MediaBucket")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["LoggingConfiguration"]["DestinationBucketName"] == {"Ref": "LogBucket"}
    prefix = bucket["LoggingConfiguration"]["LogFilePrefix"]
    (statement,) = properties(template, "LogBucketPolicy")["PolicyDocument"]["Statement"]
    assert properties(template, "LogBucketPolicy")["Bucket"] == {"Ref": "LogBucket"}
    assert statement["Effect"] == "Allow"
    assert statement["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert statement["Action"] == "s3:PutObject"
    assert statement["Resource"] == named("${LogBucket.Arn}/" + prefix + "*")
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    source = statement["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]
    assert source.endswith(":s3:::" + bucket["BucketName"]["Fn::Sub"])


@pytest.mark.parametrize("bucket", ["MediaBucket", "LogBucket"])
def test_no_bucket_is_public_or_goes_with_its_stack(template: Template, bucket: str) -> None:
    assert properties(template, bucket)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert template["Resources"][bucket]["DeletionPolicy"] == "Retain"
    assert template["Resources"][bucket]["UpdateReplacePolicy"] == "Retain"


def test_the_media_bucket_refuses_plain_http(template: Template) -> None:
    (statement,) = properties(template, "MediaBucketPolicy")["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Action"] == "s3:*"
    assert statement["Resource"] == [arn_of("MediaBucket"), named("${MediaBucket.Arn}/*")]
    assert properties(template, "MediaBucketPolicy")["Bucket"] == {"Ref": "MediaBucket"}


def lifecycle_rule(template: Template, rule_id: str) -> Template:
    rules = properties(template, "MediaBucket")["LifecycleConfiguration"]["Rules"]
    (rule,) = [rule for rule in rules if rule["Id"] == rule_id]
    assert rule["Status"] == "Enabled"
    assert "Prefix" not in rule, "the old rule's prefix raw/ never matched a key"
    found: Template = rule
    return found


def test_the_lifecycle_rules_match_what_the_worker_tags(template: Template) -> None:
    from adapters.journal import TAGS
    from adapters.s3 import STAGE

    archive = lifecycle_rule(template, "archive-processed-uploads")
    assert archive["TagFilters"] == [{"Key": STAGE, "Value": "raw"}]
    assert archive["Transitions"] == [{"StorageClass": "GLACIER", "TransitionInDays": 180}]
    journals = lifecycle_rule(template, "expire-work")
    assert journals["TagFilters"] == [{"Key": name, "Value": value} for name, value in TAGS.items()]
    assert journals["ExpirationInDays"] == 30
    assert journals["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
    incomplete = lifecycle_rule(template, "abort-incomplete-uploads")
    assert incomplete["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    assert "TagFilters" not in incomplete, "S3 refuses a filter by tag on this action"


def test_the_queue(template: Template) -> None:
    queue = properties(template, "Queue")
    assert queue["QueueName"] == named("listing-media-processing-${Environment}")
    assert queue["VisibilityTimeout"] == 60
    assert queue["MessageRetentionPeriod"] == 345_600
    assert queue["ReceiveMessageWaitTimeSeconds"] == 20
    assert queue["KmsMasterKeyId"] == arn_of("Key")
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": arn_of("DeadLetterQueue"), "maxReceiveCount": 5}


def test_the_dead_letter_queue_takes_from_that_queue_alone(template: Template) -> None:
    dlq = properties(template, "DeadLetterQueue")
    assert dlq["QueueName"] == named("listing-media-processing-dlq-${Environment}")
    assert dlq["MessageRetentionPeriod"] == 1_209_600
    assert dlq["KmsMasterKeyId"] == arn_of("Key")
    assert dlq["RedriveAllowPolicy"]["redrivePermission"] == "byQueue"
    (source,) = dlq["RedriveAllowPolicy"]["sourceQueueArns"]
    assert source["Fn::Sub"].endswith(":" + properties(template, "Queue")["QueueName"]["Fn::Sub"])


def test_the_worker_may_do_what_it_does_and_no_more(template: Template) -> None:
    assert actions(template, "WorkerRole") == {
        "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes",
        "s3:ListBucket", "s3:ListBucketMultipartUploads",
        "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:GetObjectTagging", "s3:PutObjectTagging",
        "s3:GetObjectVersionTagging", "s3:PutObjectVersionTagging",
        "s3:DeleteObject", "kms:Decrypt", "kms:GenerateDataKey",
        "mediaconvert:CreateJob", "mediaconvert:GetJob", "mediaconvert:Probe", "iam:PassRole",
    }  # fmt: skip
    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"):
        assert resources_of(template, "WorkerRole", action) == [arn_of("Queue")]
    assert resources_of(template, "WorkerRole", "kms:Decrypt") == [arn_of("Key")]
    writable = ["${MediaBucket.Arn}/*/processed/*", "${MediaBucket.Arn}/*/work/*"]
    assert resources_of(template, "WorkerRole", "s3:PutObject") == writable
    assert resources_of(template, "WorkerRole", "s3:GetObject") == ["${MediaBucket.Arn}/*/raw/*", *writable]
    assert resources_of(template, "WorkerRole", "s3:DeleteObject") == ["${MediaBucket.Arn}/*/processed/zip/*"]
    tagged = ["${MediaBucket.Arn}/*/raw/*", "${MediaBucket.Arn}/*/work/*"]
    assert resources_of(template, "WorkerRole", "s3:PutObjectTagging") == tagged
    assert resources_of(template, "WorkerRole", "s3:GetObjectTagging") == tagged
    assert resources_of(template, "WorkerRole", "s3:ListBucket") == [arn_of("MediaBucket")]
    uploads = ["${MediaBucket.Arn}/*/raw/*"]
    assert resources_of(template, "WorkerRole", "s3:PutObjectVersionTagging") == uploads
    assert resources_of(template, "WorkerRole", "s3:GetObjectVersionTagging") == uploads


def test_nobody_else_writes_what_the_worker_believes(template: Template) -> None:
    """It takes the metadata of what is under processed/ for its own."""
    roles = [name for name, it in template["Resources"].items() if it["Type"] == "AWS::IAM::Role"]
    processed = "${MediaBucket.Arn}/*/processed/*"
    writers = {
        role
        for role in roles
        if "s3:PutObject" in actions(template, role) and processed in resources_of(template, role, "s3:PutObject")
    }
    assert writers == {"WorkerRole", "MediaConvertRole"}


def test_the_worker_hands_one_role_to_mediaconvert_alone(template: Template) -> None:
    (statement,) = [s for s in statements(template, "WorkerRole") if "iam:PassRole" in listed(s["Action"])]
    assert statement["Resource"] == arn_of("MediaConvertRole")
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "mediaconvert.amazonaws.com"}}


def test_the_backend_uploads_enqueues_and_hands_out(template: Template) -> None:
    assert actions(template, "BackendRole") == {
        "sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl",
        "s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload", "s3:DeleteObject",
        "kms:Decrypt", "kms:GenerateDataKey",
    }  # fmt: skip
    assert resources_of(template, "BackendRole", "sqs:SendMessage") == [arn_of("Queue")]
    assert resources_of(template, "BackendRole", "s3:PutObject") == ["${MediaBucket.Arn}/*/raw/*"]
    readable = ["${MediaBucket.Arn}/*/raw/*", "${MediaBucket.Arn}/*/processed/*"]
    assert resources_of(template, "BackendRole", "s3:GetObject") == readable
    assert resources_of(template, "BackendRole", "s3:DeleteObject") == readable
    assert resources_of(template, "BackendRole", "kms:GenerateDataKey") == [arn_of("Key")]


def test_mediaconvert_reads_uploads_and_writes_renditions(template: Template) -> None:
    assert actions(template, "MediaConvertRole") == {
        "s3:GetObject", "s3:PutObject", "kms:Decrypt", "kms:GenerateDataKey",
    }  # fmt: skip
    assert resources_of(template, "MediaConvertRole", "s3:GetObject") == ["${MediaBucket.Arn}/*/raw/*"]
    writable = ["${MediaBucket.Arn}/*/processed/*", "${MediaBucket.Arn}/*/work/*"]
    assert resources_of(template, "MediaConvertRole", "s3:PutObject") == writable


@pytest.mark.parametrize(
    ("role", "services"),
    [
        ("BackendRole", ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"]),
        ("WorkerRole", ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"]),
        ("MediaConvertRole", "mediaconvert.amazonaws.com"),
    ],
)
def test_who_takes_on_a_role(template: Template, role: str, services: Any) -> None:
    (statement,) = properties(template, role)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": services}
    assert statement["Action"] == "sts:AssumeRole"


@pytest.mark.parametrize("role", ["BackendRole", "WorkerRole", "MediaConvertRole"])
def test_no_role_has_a_wildcard_but_for_probe(template: Template, role: str) -> None:
    assert not any("*" in action for action in actions(template, role))
    wild = {
        action
        for statement in statements(template, role)
        if "*" in listed(statement["Resource"])
        for action in listed(statement["Action"])
    }
    assert wild == ({"mediaconvert:Probe"} if role == "WorkerRole" else set())
