"""The JSON Schemas of docs/schema, made from the code; as a command it writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from adapters.callback import Callback
from adapters.message import MessageBody

FOLDER = Path(__file__).parents[1] / "docs" / "schema"


class Plain(GenerateJsonSchema):
    """Without titles that repeat a field's name, and defaults that say no more than "may be missing"."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])


@cache
def schemas() -> Mapping[str, dict[str, Any]]:
    """By file name."""
    made = {
        "message.json": MessageBody.model_json_schema(schema_generator=Plain),
        "callback.json": Callback.model_json_schema(schema_generator=Plain, mode="serialization"),
    }
    return {name: {"$schema": Plain.schema_dialect, **schema} for name, schema in made.items()}


def text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2) + "\n"


def conforms(instance: object, name: str) -> bool:
    """Whether it conforms to the schema with this file name."""
    return bool(Draft202012Validator(schemas()[name]).is_valid(instance))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (FOLDER / name).write_text(text(schema))
