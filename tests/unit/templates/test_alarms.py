"""The alarms and the dashboard of service.yaml."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.unit.templates.metric_math import evaluate, sources
from tests.unit.templates.template import Template, service
from worker.settings import Settings

QUEUE, DLQ = (
    {"QueueName": "import:storage-QueueName"},
    {"QueueName": "import:storage-DeadLetterQueueName"},
)
OURS = {"queue": QUEUE["QueueName"]}
SERVICE = {"ClusterName": "Cluster", "ServiceName": "Service.Name"}
VISIBLE, HIDDEN = "AWS/SQS ApproximateNumberOfMessagesVisible", "AWS/SQS ApproximateNumberOfMessagesNotVisible"
AGE = "AWS/SQS ApproximateAgeOfOldestMessage"
OUT = {
    of: ("MediaWorker media_worker_outage", "Maximum", {"of": of, **OURS})
    for of in ("bucket", "backend", "mediaconvert")
}
READ = {
    "DeadLettersAlarm": {"visible": (VISIBLE, "Maximum", DLQ), "hidden": (HIDDEN, "Maximum", DLQ)},
    "DeadLetterAgeAlarm": {"age": (AGE, "Maximum", DLQ)},
    "NoPollAlarm": {
        "running": ("ECS/ContainerInsights RunningTaskCount", "Average", SERVICE),
        "polls": ("MediaWorker media_worker_receives_total", "Sum", {"result": "ok", **OURS}),
        "unreachable": ("MediaWorker media_worker_receives_total", "Sum", {"result": "failed", **OURS}),
        "held": ("MediaWorker media_worker_in_flight", "Sum", OURS),
        "waiting": ("MediaWorker media_worker_waiting", "Sum", OURS),
        "withheld": ("MediaWorker media_worker_withheld", "Maximum", OURS),
        **OUT,
    },
    "CallbacksAlarm": {
        "tries": ("MediaWorker media_worker_callback_seconds_count", "Sum", OURS),
        "acknowledged": (
            "MediaWorker media_worker_callbacks_total", "Sum",
            {"result": "acknowledged", "status_class": "2xx", **OURS},
        ),
    },
    "OutageAlarm": {
        "visible": (VISIBLE, "Average", QUEUE),
        **OUT,
        "unreachable": ("MediaWorker media_worker_receives_total", "Sum", {"result": "failed", **OURS}),
    },
    "BacklogAgeAlarm": {
        "oldest": (AGE, "Maximum", QUEUE),
        "seconds": ("MediaWorker media_worker_queue_seconds_sum", "Sum", {"receive": "again", **OURS}),
        "receives": ("MediaWorker media_worker_queue_seconds_count", "Sum", {"receive": "again", **OURS}),
    },
}  # fmt: skip
# Comparison, threshold, minutes that are looked at, minutes that have to be bad, what a missing value means.
RULES = {
    "DeadLettersAlarm": ("GreaterThanThreshold", 0, 1, 1, "ignore"),
    "DeadLetterAgeAlarm": ("GreaterThanThreshold", 604_800, 1, 1, "ignore"),
    "NoPollAlarm": ("GreaterThanOrEqualToThreshold", 1, 3, 3, "notBreaching"),
    "CallbacksAlarm": ("GreaterThanOrEqualToThreshold", 50, 5, 3, "notBreaching"),
    "OutageAlarm": ("GreaterThanOrEqualToThreshold", 1, 5, 3, "notBreaching"),
    "BacklogAgeAlarm": ("GreaterThanThreshold", "900", 5, 3, "notBreaching"),
}


@pytest.fixture(scope="module")
def template() -> Template:
    return service(AlarmTopicArn="arn:topic")


@pytest.mark.parametrize("name", RULES)
def test_an_alarm_tells_the_topic_when_it_begins_and_ends(template: Template, name: str) -> None:
    alarm = template.properties(name)
    assert alarm["AlarmActions"] == alarm["OKActions"] == ["arn:topic"]
    names = ("ComparisonOperator", "Threshold", "EvaluationPeriods", "DatapointsToAlarm", "TreatMissingData")
    assert tuple(alarm[it] for it in names) == RULES[name]
    assert sources(alarm["Metrics"]) == READ[name]
    assert len(READ[name]) <= 10, "an alarm reads no more metrics"
    assert {query["MetricStat"]["Period"] for query in alarm["Metrics"] if "MetricStat" in query} == {60}
    assert not {"AlarmActions", "OKActions"} & service().properties(name).keys()


def test_there_are_no_other_alarms(template: Template) -> None:
    assert template.of_type("AWS::CloudWatch::Alarm").keys() == RULES.keys()


@pytest.mark.parametrize(
    ("name", "metrics", "expected"),
    [
        ("DeadLettersAlarm", {"visible": 1, "hidden": 0}, 1),
        ("DeadLettersAlarm", {"visible": 0, "hidden": 1}, 1),
        ("DeadLetterAgeAlarm", {"age": 5}, 5),
        ("NoPollAlarm", {"running": 1, "polls": 1}, 0),
        ("NoPollAlarm", {"running": 1, "polls": 3}, 0),
        ("NoPollAlarm", {"running": 1, "unreachable": 1}, 0),
        ("NoPollAlarm", {"running": 1}, 1),
        ("NoPollAlarm", {"running": 1, "held": 8}, 0),
        ("NoPollAlarm", {"running": 1, "held": 1}, 0),
        ("NoPollAlarm", {"running": 1, "held": 8, "waiting": 8}, 1),
        ("NoPollAlarm", {"running": 1, "withheld": 1}, 0),
        ("NoPollAlarm", {"running": 1, "held": 8, "waiting": 8, "bucket": 1}, 0),
        ("NoPollAlarm", {"running": 1, "backend": 1}, 0),
        ("NoPollAlarm", {"running": 1, "held": 208, "waiting": 208, "mediaconvert": 1}, 0),
        ("NoPollAlarm", {"running": 1, "bucket": 0, "backend": 0, "mediaconvert": 0}, 1),
        ("NoPollAlarm", {"running": 0}, 0),
        ("CallbacksAlarm", {"tries": 4, "acknowledged": 3}, 25),
        ("CallbacksAlarm", {"tries": 4}, 100),
        ("CallbacksAlarm", {"tries": 0}, 0),
        ("OutageAlarm", {"visible": 9, "bucket": 1}, 1),
        ("OutageAlarm", {"visible": 9, "backend": 1}, 1),
        ("OutageAlarm", {"visible": 9, "mediaconvert": 1}, 1),
        ("OutageAlarm", {"visible": 9, "unreachable": 1}, 1),
        ("OutageAlarm", {"visible": 9, "bucket": 0, "backend": 0, "mediaconvert": 0}, 0),
        ("OutageAlarm", {"visible": 9}, 0),
        ("OutageAlarm", {"unreachable": 1}, None),
        ("BacklogAgeAlarm", {"oldest": 30}, 30),
        ("BacklogAgeAlarm", {"oldest": 30, "seconds": 4000, "receives": 2}, 2000),
        ("BacklogAgeAlarm", {"oldest": 3000, "seconds": 4000, "receives": 2}, 3000),
    ],
)
def test_what_an_alarm_compares(template: Template, name: str, metrics: Any, expected: float | None) -> None:
    assert evaluate(template.properties(name)["Metrics"], **metrics) == expected


def test_the_outage_alarm_says_what_may_be_out_and_for_how_long(template: Template) -> None:
    queue = Template("storage-and-queues.yaml").properties("Queue")
    hours = queue["RedrivePolicy"]["maxReceiveCount"] * Settings.model_fields["job_timeout"].default // 3600
    assert template.properties("OutageAlarm")["AlarmDescription"] == (
        "The bucket, the backend, MediaConvert or the queue is out; the log says why. No job is lost meanwhile, "
        f"for {hours} hours with the defaults (maxReceiveCount x JOB_TIMEOUT) and as long as the queue keeps "
        f"messages ({queue['MessageRetentionPeriod'] // 86_400} days). Run media-worker check --callback, and see "
        "docs/operating.md, Something is out."
    )


def test_the_dashboard_shows_the_queue_the_tasks_and_the_jobs(template: Template) -> None:
    dashboard = template.properties("Dashboard")
    assert dashboard["DashboardName"] == "media"
    widgets = json.loads(dashboard["DashboardBody"])["widgets"]
    assert all(widget["properties"]["region"] == "us-east-1" for widget in widgets)
    assert len({(widget["x"], widget["y"]) for widget in widgets}) == len(widgets)
    assert "${" not in dashboard["DashboardBody"]
    assert set(re.findall(r"media_worker_\w+", dashboard["DashboardBody"])) == {
        "media_worker_waiting",
        "media_worker_jobs_total",
        "media_worker_attempts_total",
        "media_worker_callbacks_total",
        "media_worker_dead_lettered_total",
        "media_worker_outage",
    }
    titles = {widget["properties"]["title"]: json.dumps(widget["properties"]["metrics"]) for widget in widgets}
    for title, source in {
        "Backlog": f'"{QUEUE["QueueName"]}"',
        "Tasks": '"ClusterName", "Cluster", "ServiceName", "Service.Name"',
        "DLQ": f'"{DLQ["QueueName"]}"',
        "Jobs by outcome": f'queue=\\"{QUEUE["QueueName"]}\\"',
        "Attempts by ending": f'queue=\\"{QUEUE["QueueName"]}\\"',
        "Callbacks": "status_class",
        "Oldest message, seconds": f'"{QUEUE["QueueName"]}"',
        "Dead-lettered by code and whether the backend knows": "code,told",
        "CPU and memory, %": '"ClusterName", "Cluster", "ServiceName", "Service.Name"',
        "Out: 1 while it is": f'queue=\\"{QUEUE["QueueName"]}\\"',
    }.items():
        assert source in titles.pop(title)
    assert titles == {}


def test_the_dashboard_shows_what_is_out_in_whichever_task(template: Template) -> None:
    widget = json.loads(template.properties("Dashboard")["DashboardBody"])["widgets"][-1]
    search = f'{{MediaWorker,of,queue}} MetricName="media_worker_outage" queue="{QUEUE["QueueName"]}"'
    assert widget == {
        "type": "metric",
        "x": 0,
        "y": 18,
        "width": 24,
        "height": 4,
        "properties": {
            "title": "Out: 1 while it is",
            "region": "us-east-1",
            "view": "timeSeries",
            "period": 60,
            "stat": "Maximum",
            "metrics": [[{"expression": f"SEARCH('{search}', 'Maximum', 60)"}]],
        },
    }
