"""As much of CloudWatch's metric math as the templates use, on one value for each metric.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy


def evaluate(metrics: list[Any], **values: float) -> float | None:
    """What the query returns where its metrics have these values; None where it has none for lack of one."""
    known: dict[str, Any] = {"IF": lambda condition, yes, no: yes if condition else no, "FILL": _fill}
    for query in metrics:
        name = query["Id"]
        known[name] = (
            numpy.float64(values.get(name, numpy.nan))
            if "MetricStat" in query
            else _value(query["Expression"], known)
        )
    assert values.keys() <= known.keys()
    (returned,) = [query["Id"] for query in metrics if query["ReturnData"]]
    return None if numpy.isnan(known[returned]) else float(known[returned])


def sources(metrics: list[Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Namespace and name, statistic and dimensions of each metric that a query reads, by its id."""
    stats = {query["Id"]: query["MetricStat"] for query in metrics if "MetricStat" in query}
    return {
        name: (
            f"{stat['Metric']['Namespace']} {stat['Metric']['MetricName']}",
            stat["Stat"],
            {it["Name"]: it["Value"] for it in stat["Metric"]["Dimensions"]},
        )
        for name, stat in stats.items()
    }


def _fill(value: numpy.float64, otherwise: float) -> numpy.float64:
    return numpy.float64(otherwise) if numpy.isnan(value) else value


def _value(expression: str, known: Mapping[str, Any]) -> Any:
    python = re.sub(r"\b(AND|OR)\b", lambda found: found[0].lower(), expression)
    with numpy.errstate(all="ignore"):  # a division by zero has no value
        return eval(python, {"__builtins__": {}}, dict(known))
