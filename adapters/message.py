"""The contract's section 1: the JSON of a message, read as a job."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import structlog
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
)  # fmt: skip
from pydantic.alias_generators import to_camel

from adapters.message_fields import (
    DROPPED_IF_BAD,
    BatchId,
    Bytes,
    Id,
    Key,
    Sha256,
    Text,
    Traceparent,
    TypeName,
    traceparent,
)
from domain.errors import LONGEST_TEXT
from domain.model import Asset, Job, JobKind, Manifest
from domain.queue import ORIGINAL_MESSAGE_ID, Message, check_message_id
from domain.rejections import Malformed

MAX_ASSETS = 1_000
LONGEST_INTEGER = 100
"""Digits; Python refuses to read more than 4,300, and then the rest of the message with them."""


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", strict=True)


class AssetEntry(_Wire):
    """An upload and its manifest: what is given of it is compared with the object in the bucket."""

    key: Key
    type: TypeName = None
    size: Bytes | None = None
    sha256: Sha256 = None
    etag: Text = None
    content_type: Text = None


def _asset(entry: object) -> Asset:
    """The asset of an entry. A malformed entry is an asset with a problem; the message's others go on."""
    fields = {"key": entry} if isinstance(entry, str) else entry
    try:
        asset = AssetEntry.model_validate(fields)
    except ValidationError as error:
        key = fields.get("key") if isinstance(fields, dict) else None
        given_back = key[:LONGEST_TEXT] if isinstance(key, str) else ""
        return Asset(given_back, problem=f"the entry is malformed: {_explain(error)}")
    return Asset(asset.key, asset.type, Manifest(asset.size, asset.sha256, asset.etag, asset.content_type))


def _count_checked(assets: list[Asset], info: ValidationInfo) -> list[Asset]:
    fewest = 0 if info.data.get("kind") is JobKind.FINALIZE else 1
    if not fewest <= len(assets) <= MAX_ASSETS:
        raise ValueError(f"must have {fewest} to {MAX_ASSETS} entries, not {len(assets)}")
    return assets


class Name(_Wire):
    """The fields that name a job, and those that are given back in its callback whatever becomes of it."""

    job_id: Id
    listing_id: Annotated[Id | None, DROPPED_IF_BAD] = None
    listing_identity_id: Annotated[Id | None, DROPPED_IF_BAD] = None
    batch_id: Annotated[BatchId | None, DROPPED_IF_BAD] = None
    traceparent: Annotated[Traceparent | None, DROPPED_IF_BAD] = None


class MessageBody(Name):
    """The body of a message, as a backend should send it: docs/contract.md, section 1."""

    kind: Annotated[JobKind | None, Field(strict=False)] = None
    assets: Annotated[
        list[Annotated[Asset, PlainValidator(_asset, AssetEntry | Key)]],
        AfterValidator(_count_checked),
        Field(json_schema_extra={"maxItems": MAX_ASSETS}),
    ]

    model_config = ConfigDict(
        title="A message",
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": ["integer", "string"]}}}
                for name in ("listingId", "listingIdentityId")
            ],
            "if": {"properties": {"kind": {"const": JobKind.FINALIZE}}, "required": ["kind"]},
            "else": {"properties": {"assets": {"minItems": 1}}},
        },
    )


def parse_message(message: Message) -> Job:
    """Read a message of the contract's section 1.

    Raises:
        Malformed: it isn't one; its `job` is what the body names all the same, or None.
    """
    try:
        body = json.loads(message.body, parse_int=_integer)
    except (ValueError, RecursionError):
        raise Malformed("the message's body isn't JSON", None) from None
    job = _named(body, message)
    try:
        parsed = MessageBody.model_validate(body)
    except ValidationError as error:
        raise Malformed(f"the message is malformed: {_explain(error)}", job) from None
    return replace(job, assets=tuple(parsed.assets))


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_INTEGER else float(digits)


def _named(body: Any, message: Message) -> Job:
    dropped: set[str] = set()
    try:
        name = Name.model_validate(body, context=dropped)
    except ValidationError as error:
        raise Malformed(f"the message names no job: {_explain(error)}", None) from None
    trace = _attribute(message, "Traceparent", traceparent, dropped) or name.traceparent
    original = _attribute(message, ORIGINAL_MESSAGE_ID, check_message_id, dropped)
    if dropped:
        structlog.get_logger().warning("bad optional fields dropped", fields=sorted(dropped))
    listing_id, other = name.listing_id or name.listing_identity_id, name.listing_identity_id
    if listing_id is None or other not in (None, listing_id):
        raise Malformed(f"the message of job {name.job_id} names no listing, or two that differ", None)
    kind = JobKind.FINALIZE if body.get("kind") == JobKind.FINALIZE else JobKind.PROCESS
    return Job(
        name.job_id,
        listing_id,
        original or message.message_id,
        batch_id=name.batch_id,
        traceparent=trace,
        kind=kind,
        sent_back_as=message.message_id if original else None,
    )


def _attribute(message: Message, name: str, check: Callable[[str], str], dropped: set[str]) -> str | None:
    """The attribute, where it is good; a bad one is added to what was dropped."""
    try:
        return check(message.attributes[name])
    except KeyError:
        return None
    except ValueError:
        dropped.add(name)
        return None


def _explain(error: ValidationError) -> str:
    """Which fields are wrong and how, without their values: those come from outside and end up in logs."""
    return "; ".join(f"{'.'.join(map(str, wrong['loc'])) or 'body'}: {wrong['msg']}" for wrong in error.errors())
