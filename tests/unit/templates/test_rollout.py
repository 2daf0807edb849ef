"""The service of service.yaml: who starts its tasks, where they run, and how a new revision comes."""

from __future__ import annotations

import json

import pytest

from tests.unit.templates.template import SECRET, actions, resources_of, service, statements


def test_what_needs_not_be_said() -> None:
    assert service().defaults() == {
        **dict.fromkeys(("Revision", "EnvironmentFileArn", "MediaConvertQueueArn", "AlarmTopicArn"), ""),
        **dict.fromkeys(("ExistingCluster", "CapacityProvider"), ""),
        "AssignPublicIp": "DISABLED",
        "OnDemandBase": 1,
        "OnDemandWeight": 1,
        "SpotWeight": 0,
        "Architecture": "X86_64",
        "TaskCpu": 1024,
        "TaskMemory": 4096,
        "MinTasks": 1,
        "MaxTasks": 10,
        "BacklogPerTask": 16,
        "BacklogTarget": 900,
        "LogRetentionDays": 30,
    }


def test_what_the_service_is_made_of() -> None:
    alarms = service(MinTasks="0").of_type("AWS::CloudWatch::Alarm")
    made = {name: it["Type"] for name, it in service(MinTasks="0").resources.items() if name not in alarms}
    assert made == {
        "Repository": "AWS::ECR::Repository",
        "LogGroup": "AWS::Logs::LogGroup",
        "Cluster": "AWS::ECS::Cluster",
        "SecurityGroup": "AWS::EC2::SecurityGroup",
        "ExecutionRole": "AWS::IAM::Role",
        "TaskDefinition": "AWS::ECS::TaskDefinition",
        "Service": "AWS::ECS::Service",
        "ScalableTarget": "AWS::ApplicationAutoScaling::ScalableTarget",
        "ScaleOnBacklog": "AWS::ApplicationAutoScaling::ScalingPolicy",
        "ScaleFromZero": "AWS::ApplicationAutoScaling::ScalingPolicy",
        "Dashboard": "AWS::CloudWatch::Dashboard",
    }


def test_ecs_may_pull_log_and_read_the_secret_and_no_more() -> None:
    role = service().properties("ExecutionRole")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert role["AssumeRolePolicyDocument"]["Version"] == "2012-10-17"
    assert (trust["Effect"], trust["Action"]) == ("Allow", "sts:AssumeRole")
    assert trust["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}
    assert {action: resources_of(role, action) for action in actions(role)} == {
        "ecr:GetAuthorizationToken": ["*"],
        "ecr:BatchCheckLayerAvailability": ["Repository.Arn"],
        "ecr:BatchGetImage": ["Repository.Arn"],
        "ecr:GetDownloadUrlForLayer": ["Repository.Arn"],
        "logs:CreateLogStream": ["LogGroup.Arn"],
        "logs:PutLogEvents": ["LogGroup.Arn"],
        "secretsmanager:GetSecretValue": [SECRET],
        "kms:Decrypt": ["import:storage-KeyArn"],
    }
    (key,) = [it for it in statements(role) if it["Action"] == "kms:Decrypt"]
    services = ["secretsmanager.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"]
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": services}}


def test_nobody_can_connect_to_it() -> None:
    group = service().properties("SecurityGroup")
    assert group["VpcId"] == "vpc-1"
    assert "SecurityGroupIngress" not in group
    (egress,) = group["SecurityGroupEgress"]
    assert (egress["IpProtocol"], egress["CidrIp"]) == ("-1", "0.0.0.0/0")


def test_a_rollout_keeps_what_runs_and_goes_back_by_itself() -> None:
    found = dict(service(AssignPublicIp="ENABLED").properties("Service"))
    del found["CapacityProviderStrategy"]
    assert found == {
        "Cluster": "Cluster",
        "TaskDefinition": "TaskDefinition",
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "Subnets": ["subnet-1", "subnet-2"],
                "SecurityGroups": ["SecurityGroup"],
                "AssignPublicIp": "ENABLED",
            }
        },
        "DeploymentConfiguration": {
            "MinimumHealthyPercent": 100,
            "MaximumPercent": 200,
            "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        },
        "EnableECSManagedTags": True,
        "PropagateTags": "SERVICE",
    }


def test_without_a_revision_there_is_all_but_a_task() -> None:
    template = service(Revision="")
    assert template.properties("Service")["DesiredCount"] == 0
    (container,) = template.properties("TaskDefinition")["ContainerDefinitions"]
    assert container["Image"] == "Repository.RepositoryUri:none", "ECS wants some name"
    assert template.resources.keys() == service().resources.keys()


def test_spot_is_a_share_and_not_the_base() -> None:
    assert service(SpotWeight="3").properties("Service")["CapacityProviderStrategy"] == [
        {"CapacityProvider": "FARGATE", "Base": "1", "Weight": "1"},
        {"CapacityProvider": "FARGATE_SPOT", "Weight": "3"},
    ]
    assert service().properties("Service")["CapacityProviderStrategy"][1]["Weight"] == "0", "none by default"
    assert service().properties("Cluster") == {
        "CapacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "ClusterSettings": [{"Name": "containerInsights", "Value": "enabled"}],
    }


def test_it_runs_on_an_existing_clusters_ec2() -> None:
    template = service(
        ExistingCluster="theirs", CapacityProvider="their-hosts", AssignPublicIp="ENABLED", MinTasks="0"
    )
    assert "Cluster" not in template.resources
    found = template.properties("Service")
    assert found["Cluster"] == "theirs"
    assert found["CapacityProviderStrategy"] == [{"CapacityProvider": "their-hosts", "Weight": 1}]
    assert "AssignPublicIp" not in found["NetworkConfiguration"]["AwsvpcConfiguration"], "Fargate alone has it"
    assert template.properties("TaskDefinition")["RequiresCompatibilities"] == ["EC2"]
    assert template.properties("ScalableTarget")["ResourceId"] == "service/theirs/Service.Name"
    everything = json.dumps(template.resources)
    assert ': "Cluster"' not in everything, "there is none to refer to"
    read = everything.count('{"Name": "ClusterName", "Value": "theirs"}')
    assert read == 3, "by the scaling, from zero, too, and by the alarm that nobody polls"
    assert template.properties("Dashboard")["DashboardBody"].count('"ClusterName", "theirs"') == 2


@pytest.mark.parametrize(("existing", "name"), [("", "Cluster"), ("theirs", "theirs")])
def test_the_outputs_are_what_commands_need(existing: str, name: str) -> None:
    assert service(ExistingCluster=existing).outputs == {
        "RepositoryUri": {"Value": "Repository.RepositoryUri"},
        "ClusterName": {"Value": name},
        "ServiceName": {"Value": "Service.Name"},
        "LogGroupName": {"Value": "LogGroup"},
    }
