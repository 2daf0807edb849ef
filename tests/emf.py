"""The rules of CloudWatch's embedded metric format, by its specification, and of what CloudWatch takes."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

NAME = {"type": "string", "minLength": 1, "maxLength": 255}
DIMENSION_SET = {"type": "array", "maxItems": 30, "uniqueItems": True, "items": NAME}
METRIC = {
    "type": "object",
    "required": ["Name"],
    "additionalProperties": False,
    "properties": {
        "Name": NAME,
        "Unit": {"enum": ["Seconds", "Bytes", "Count", "None"]},
        "StorageResolution": {"enum": [1, 60]},
    },
}
DIRECTIVE = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "additionalProperties": False,
    "properties": {
        "Namespace": {"type": "string", "pattern": "^[0-9A-Za-z._/#:-]{1,255}$", "not": {"pattern": "^AWS/"}},
        "Dimensions": {"type": "array", "minItems": 1, "items": DIMENSION_SET},
        "Metrics": {"type": "array", "minItems": 1, "maxItems": 100, "items": METRIC},
    },
}
DOCUMENT = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 1_000_000_000_000},  # milliseconds, not seconds
                "CloudWatchMetrics": {"type": "array", "minItems": 1, "items": DIRECTIVE},
            },
        }
    },
}
LARGEST_EVENT = 256 * 1024
"""Bytes of a log event."""


def check(line: str) -> dict[str, Any]:
    """The document, if it keeps to the rules; AssertionError or ValidationError where it doesn't."""
    assert len(line.encode()) <= LARGEST_EVENT
    document: dict[str, Any] = json.loads(line)
    jsonschema.validate(document, DOCUMENT)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for dimension in (name for names in directive["Dimensions"] for name in names):
            value = document[dimension]
            assert isinstance(value, str), dimension
            assert value.strip(), dimension
            assert value.isascii(), dimension
            assert len(value) <= 1024, dimension
        names = [metric["Name"] for metric in directive["Metrics"]]
        assert len(set(names)) == len(names)
        for name in names:
            _check_value(document[name])
    return document


def _check_value(target: Any) -> None:
    values = target if isinstance(target, list) else [target]
    assert len(values) <= 100
    for value in values:
        assert isinstance(value, (int, float))
        assert not isinstance(value, bool)
        assert abs(value) < 2**360, "CloudWatch takes no infinity, and nothing that is no number"
