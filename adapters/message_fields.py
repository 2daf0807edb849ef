"""The fields of a message: their types, what is taken for them, and what their JSON Schemas say."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.alias_generators import to_camel

from domain.keys import MAX_KEY_BYTES

MAX_ID = 2**63 - 1  # the backend's ids are signed 64-bit integers
MAX_BATCH_ID = 2**64 - 1  # and its batch ids unsigned ones
LONGEST_BATCH_ID = 255
"""Characters, so that it fits into a key and a callback."""

# https://www.w3.org/TR/trace-context/#traceparent-header-field-values. Version 00 ends with the flags; what later
# ones add is bounded, because it is a header of the callback.
_TRACEPARENT = r"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{0,456})?"


def _digits(value: object) -> object:
    """The integer that a string of digits stands for; pydantic would take ' 3 ' and '3.0', too."""
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value) else value


def _blank_is_none(value: object) -> object:
    return None if value == "" else value


def _none_if_bad(value: object, validate: ValidatorFunctionWrapHandler, info: ValidationInfo) -> object:
    """The value, or None where it is wrong; the field's name is then added to the context, a set."""
    try:
        return validate(_blank_is_none(value))
    except ValidationError:
        if info.field_name and isinstance(info.context, set):
            info.context.add(to_camel(info.field_name))
        return None


def traceparent(text: str) -> str:
    """Check the text.

    Raises:
        ValueError: it isn't one of W3C Trace Context.
    """
    if not re.fullmatch(_TRACEPARENT, text):
        raise ValueError("isn't a traceparent")
    return text


def _says(pattern: str) -> Any:
    """What only the JSON Schema says: a sender should keep to it; what doesn't is judged where it is used."""
    return Field(json_schema_extra={"pattern": pattern})


_Id = Annotated[int, Field(ge=1, le=MAX_ID)]
_Bytes = Annotated[int, Field(ge=0)]
Text = Annotated[str | None, BeforeValidator(_blank_is_none)]

DROPPED_IF_BAD = WrapValidator(_none_if_bad)
Id = Annotated[_Id, BeforeValidator(_digits, _Id | Annotated[str, Field(pattern="^[1-9][0-9]{0,18}$")])]
Bytes = Annotated[_Bytes, BeforeValidator(_digits, _Bytes | Annotated[str, Field(pattern="^[0-9]{1,19}$")])]
BatchId = Annotated[int, Field(ge=0, le=MAX_BATCH_ID)] | Annotated[str, Field(max_length=LONGEST_BATCH_ID)]
Traceparent = Annotated[str, AfterValidator(traceparent), _says(f"^{_TRACEPARENT}$")]
Key = Annotated[str, Field(max_length=MAX_KEY_BYTES), _says("^[1-9][0-9]*/raw/(?!zip/)([^/]+/)+[^/]+$")]
TypeName = Annotated[Text, _says("^(?![Zz][Ii][Pp]$)[A-Za-z0-9_]{1,64}$")]
Sha256 = Annotated[Text, _says("^(sha256:)?([0-9A-Fa-f]{64}|[A-Za-z0-9+/]{43}=?)$")]
