"""What service.yaml reads, the worker prints."""

from __future__ import annotations

import re
from typing import Any

from tests.unit.templates.metric_math import sources
from tests.unit.templates.template import service
from worker.emf import NAMESPACE
from worker.metrics import Metrics

PRINTED = {
    (sample.name, frozenset((name, value) for name, value in sample.labels.items() if value))
    for family in Metrics().families()
    for sample in family.samples
}


def queries() -> list[list[Any]]:
    template = service(MinTasks="0")
    tracking = template.properties("ScaleOnBacklog")["TargetTrackingScalingPolicyConfiguration"]
    alarms = [alarm["Metrics"] for alarm in template.of_type("AWS::CloudWatch::Alarm").values()]
    return [tracking["CustomizedMetricSpecification"]["Metrics"], *alarms]


def test_each_metric_of_ours_is_printed_with_these_dimensions() -> None:
    read = [source for query in queries() for source in sources(query).values()]
    ours = [(name.split(), dimensions) for name, _, dimensions in read if "media_worker" in name]
    assert len(ours) > 10
    for (namespace, name), dimensions in ours:
        assert namespace == NAMESPACE
        labels = {label: value for label, value in dimensions.items() if label != "queue"}
        assert len(labels) == len(dimensions) - 1
        assert (name, frozenset(labels.items())) in PRINTED


def test_so_is_each_metric_of_the_dashboard() -> None:
    body = service().properties("Dashboard")["DashboardBody"]
    found = re.findall(r"\{(\w+),([\w,]*)queue\} MetricName=..(\w+)", body)
    assert len(found) == 5
    for namespace, labels, name in found:
        assert namespace == NAMESPACE
        wanted = {label for label in labels.split(",") if label}
        assert any(name == it and wanted == {label for label, _ in pairs} for it, pairs in PRINTED)
