"""A request against botocore's model of a service, enums, patterns and bounds included."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "boolean": (bool,), "integer": (int,), "long": (int,), "double": (int, float),
    "list": (list,), "map": (dict,), "structure": (dict,),
}  # fmt: skip


@cache
def request_shape(service: str, operation: str) -> StructureShape:
    """What an operation takes, such as `mediaconvert` and `CreateJob`."""
    shape = _model(service).operation_model(operation).input_shape
    if shape is None:
        raise ValueError(f"{operation} takes nothing")
    return shape


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def violations(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """What is wrong with a value that is in the names of boto3."""
    kinds = _TYPES[shape.type_name]
    fits = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    if not fits:
        yield f"{path or shape.name}: a {shape.type_name} is wanted, not {value!r}"
    elif isinstance(shape, StructureShape):
        yield from _of_members(shape, value, path)
    elif isinstance(shape, ListShape):
        for index, element in enumerate(value):
            yield from violations(shape.member, element, f"{path}[{index}]")
    elif isinstance(shape, MapShape):
        for key, element in value.items():
            yield from violations(shape.value, element, f"{path}.{key}")
    else:
        yield from _of_scalar(shape, value, path)


def _of_members(shape: StructureShape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.metadata.get("required", []):
        if name not in value:
            yield f"{path}.{name} is missing"
    for name, element in value.items():
        if name in shape.members:
            yield from violations(shape.members[name], element, f"{path}.{name}")
        else:
            yield f"{path}.{name} is unknown"


def _of_scalar(shape: Shape, value: Any, path: str) -> Iterator[str]:
    rules = shape.metadata
    if rules.get("enum") and value not in rules["enum"]:
        yield f"{path}: {value!r} is none of {', '.join(rules['enum'])}"
    if "pattern" in rules and not re.search(rules["pattern"], value):
        yield f"{path}: {value!r} doesn't match {rules['pattern']}"
    measure, unit = (len(value), " characters") if isinstance(value, str) else (value, "")
    if measure < rules.get("min", measure):
        yield f"{path}: {measure}{unit}, the least is {rules['min']}"
    if measure > rules.get("max", measure):
        yield f"{path}: {measure}{unit}, the most is {rules['max']}"


def from_wire(shape: Shape, value: Any) -> Any:
    """A JSON value in the names of boto3; what the model doesn't know keeps its name."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        return {
            names.get(key, key): from_wire(shape.members[names[key]], element) if key in names else element
            for key, element in value.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [from_wire(shape.member, element) for element in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: from_wire(shape.value, element) for key, element in value.items()}
    return value
