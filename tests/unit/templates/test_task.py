"""The task of service.yaml: its container, settings, log and image."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.templates.template import SECRET, Template, resources_of, service

ENV_FILE = "arn:aws:s3:::config/worker/first.env"


def container(template: Template) -> dict[str, Any]:
    (found,) = template.properties("TaskDefinition")["ContainerDefinitions"]
    return dict(found)


def environment(template: Template) -> dict[str, str]:
    return {it["Name"]: it["Value"] for it in container(template)["Environment"]}


def test_the_worker_has_its_settings_and_its_secret() -> None:
    expected = {
        "AWS_REGION": "us-east-1",
        "QUEUE_URL": "import:storage-QueueUrl",
        "MEDIA_BUCKET": "import:storage-MediaBucketName",
        "CALLBACK_URL": "https://backend.example/callback",
        "MEDIACONVERT_ROLE_ARN": "import:storage-MediaConvertRoleArn",
        "METRICS": "emf",
    }
    assert environment(service()) == expected
    assert environment(service(MediaConvertQueueArn="arn:q")) == {**expected, "MEDIACONVERT_QUEUE_ARN": "arn:q"}
    (secret,) = container(service())["Secrets"]
    assert secret == {"Name": "CALLBACK_SECRET", "ValueFrom": SECRET}


def test_further_settings_come_from_a_file() -> None:
    assert "EnvironmentFiles" not in container(service())
    template = service(EnvironmentFileArn=ENV_FILE)
    assert container(template)["EnvironmentFiles"] == [{"Type": "s3", "Value": ENV_FILE}]
    role = template.properties("ExecutionRole")
    assert resources_of(role, "s3:GetObject") == [ENV_FILE]
    assert resources_of(role, "s3:GetBucketLocation") == ["arn:aws:s3:::config"]


def test_the_container_has_no_rights_and_no_disk_but_tmp() -> None:
    found = container(service())
    assert found["Name"] == "worker"
    assert found["Essential"] is True
    assert found["User"] == "10001:10001"
    assert found["ReadonlyRootFilesystem"] is True
    assert found["LinuxParameters"] == {"Capabilities": {"Drop": ["ALL"]}}
    assert found["MountPoints"] == [{"SourceVolume": "tmp", "ContainerPath": "/tmp", "ReadOnly": False}]
    assert service().properties("TaskDefinition")["Volumes"] == [{"Name": "tmp"}], "Fargate has no tmpfs"
    assert "PortMappings" not in found


def test_it_is_checked_by_the_workers_own_command_and_has_the_time_to_drain() -> None:
    found = container(service())
    assert found["HealthCheck"] == {
        "Command": ["CMD", "media-worker", "health", "--live"],
        "Interval": 15,
        "Timeout": 5,
        "Retries": 3,
        "StartPeriod": 20,
    }
    assert found["StopTimeout"] == 120


def test_it_logs_to_a_group_that_is_encrypted_and_expires() -> None:
    template = service()
    assert container(template)["LogConfiguration"] == {
        "LogDriver": "awslogs",
        "Options": {
            "awslogs-group": "LogGroup",
            "awslogs-region": "us-east-1",
            "awslogs-stream-prefix": "worker",
            "mode": "non-blocking",
            "max-buffer-size": "16m",
        },
    }
    assert template.properties("LogGroup") == {
        "LogGroupName": "/media-worker/media",
        "RetentionInDays": "30",
        "KmsKeyId": "import:storage-KeyArn",
    }
    storage = Template("storage-and-queues.yaml")
    (_, logs) = storage.properties("Key")["KeyPolicy"]["Statement"]
    allowed = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    group: str = template.properties("LogGroup")["LogGroupName"]
    assert group.startswith(allowed.split("log-group:")[1].removesuffix("*"))


def test_the_image_is_a_revision_of_the_stacks_repository() -> None:
    assert container(service())["Image"] == "Repository.RepositoryUri:abc"
    repository = dict(service().properties("Repository"))
    policy = json.loads(repository.pop("LifecyclePolicy")["LifecyclePolicyText"])
    assert repository == {
        "RepositoryName": "media",
        "ImageTagMutability": "IMMUTABLE",
        "ImageScanningConfiguration": {"ScanOnPush": True},
        "EmptyOnDelete": True,
    }
    untagged, old = policy["rules"]
    assert untagged["selection"] == {
        "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7
    }  # fmt: skip
    assert old["selection"] == {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30}
    assert untagged["rulePriority"] < old["rulePriority"], "what has any tag is looked at last"
    assert untagged["action"] == old["action"] == {"type": "expire"}


def test_a_task_takes_on_the_workers_role_and_has_the_size_that_is_asked_for() -> None:
    task = dict(service(TaskCpu="2048", TaskMemory="4096", Architecture="ARM64").properties("TaskDefinition"))
    del task["ContainerDefinitions"], task["Volumes"]
    assert task == {
        "Family": "media",
        "RequiresCompatibilities": ["FARGATE"],
        "NetworkMode": "awsvpc",
        "Cpu": "2048",
        "Memory": "4096",
        "RuntimePlatform": {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"},
        "ExecutionRoleArn": "ExecutionRole.Arn",
        "TaskRoleArn": "import:storage-WorkerRoleArn",
    }
