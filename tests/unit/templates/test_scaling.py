"""How service.yaml scales: on the backlog of each task, and from nothing to one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.templates.metric_math import evaluate, sources
from tests.unit.templates.template import Template, service

QUEUE = "import:storage-QueueName"
SERVICE = {"ClusterName": "Cluster", "ServiceName": "Service.Name"}
TARGET = 16


@pytest.fixture(scope="module")
def template() -> Template:
    return service()


@pytest.fixture(scope="module")
def load(template: Template) -> list[Any]:
    policy = template.properties("ScaleOnBacklog")["TargetTrackingScalingPolicyConfiguration"]
    metrics: list[Any] = policy["CustomizedMetricSpecification"]["Metrics"]
    return metrics


def test_the_tasks_follow_the_backlog_between_two_bounds(template: Template) -> None:
    assert template.properties("ScalableTarget") == {
        "ServiceNamespace": "ecs",
        "ScalableDimension": "ecs:service:DesiredCount",
        "ResourceId": "service/Cluster/Service.Name",
        "MinCapacity": "1",
        "MaxCapacity": "10",
    }
    policy = dict(template.properties("ScaleOnBacklog"))
    tracking = dict(policy.pop("TargetTrackingScalingPolicyConfiguration"))
    assert policy == {
        "PolicyName": "backlog-per-task",
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": "ScalableTarget",
    }
    del tracking["CustomizedMetricSpecification"]
    assert tracking == {"TargetValue": str(TARGET), "ScaleOutCooldown": 60, "ScaleInCooldown": 300}


def test_nothing_runs_before_there_is_an_image() -> None:
    target = service(Revision="").properties("ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 0)


def test_the_load_is_read_from_the_queue_the_tasks_and_the_worker(load: list[Any]) -> None:
    assert sources(load) == {
        "visible": ("AWS/SQS ApproximateNumberOfMessagesVisible", "Average", {"QueueName": QUEUE}),
        "hidden": ("AWS/SQS ApproximateNumberOfMessagesNotVisible", "Average", {"QueueName": QUEUE}),
        "waiting": ("MediaWorker media_worker_waiting", "Sum", {"queue": QUEUE}),
        "running": ("ECS/ContainerInsights RunningTaskCount", "Average", SERVICE),
        "bucket": ("MediaWorker media_worker_outage", "Maximum", {"of": "bucket", "queue": QUEUE}),
        "backend": ("MediaWorker media_worker_outage", "Maximum", {"of": "backend", "queue": QUEUE}),
        "unreachable": ("MediaWorker media_worker_receives_total", "Sum", {"result": "failed", "queue": QUEUE}),
    }


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({"visible": 40, "hidden": 8, "running": 2}, 24),
        ({"visible": 40, "hidden": 8, "running": 1}, 48),
        ({"visible": 40, "hidden": 28, "waiting": 20, "running": 2, "bucket": 0}, 24),
        ({"visible": 40, "hidden": 0}, 40),
        ({"visible": 40, "hidden": 0, "running": 0}, 40),
        ({"visible": 0, "hidden": 0, "running": 3}, 0),
    ],
)
def test_the_load_is_the_backlog_of_each_task_without_what_waits_for_videos(
    load: list[Any], metrics: dict[str, float], expected: float
) -> None:
    assert evaluate(load, **metrics) == expected


@pytest.mark.parametrize(
    "outage", [{"bucket": 1}, {"backend": 1}, {"unreachable": 2}, {"bucket": 0, "backend": 1, "unreachable": 2}]
)
def test_an_outage_never_scales_out_and_hinders_no_scale_in(load: list[Any], outage: dict[str, float]) -> None:
    assert evaluate(load, visible=400, hidden=8, running=2, **outage) == TARGET
    assert evaluate(load, visible=4, hidden=8, running=2, **outage) == 6


def test_an_outage_that_is_over_hinders_nothing(load: list[Any]) -> None:
    assert evaluate(load, visible=400, hidden=0, running=2, bucket=0, backend=0) == 200


def test_with_a_minimum_of_zero_the_first_job_starts_a_task() -> None:
    template = service(MinTasks="0")
    assert template.properties("ScaleFromZero") == {
        "PolicyName": "from-zero",
        "PolicyType": "StepScaling",
        "ScalingTargetId": "ScalableTarget",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ExactCapacity",
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
            "Cooldown": 60,
        },
    }
    alarm = template.properties("JobsWithoutTasksAlarm")
    assert alarm["AlarmActions"] == ["ScaleFromZero"]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert (alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (1, "notBreaching")
    assert sources(alarm["Metrics"]) == {
        "visible": ("AWS/SQS ApproximateNumberOfMessagesVisible", "Maximum", {"QueueName": QUEUE}),
        "wanted": ("ECS/ContainerInsights DesiredTaskCount", "Average", SERVICE),
    }
    assert {query["MetricStat"]["Period"] for query in alarm["Metrics"] if "MetricStat" in query} == {60}
    assert evaluate(alarm["Metrics"], visible=1) == evaluate(alarm["Metrics"], visible=1, wanted=0) == 1
    assert evaluate(alarm["Metrics"], visible=1, wanted=1) == 0, "a task that starts isn't yet running"
    assert evaluate(alarm["Metrics"], visible=0, wanted=0) == 0


def test_with_a_minimum_of_one_there_is_no_such_alarm(template: Template) -> None:
    assert not {"ScaleFromZero", "JobsWithoutTasksAlarm"} & template.resources.keys()
