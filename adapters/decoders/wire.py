"""What worker and child write into each other's pipe: a header of JSON, and then bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import IO, Any

from domain.content import FileFormat
from domain.kinds import Size
from domain.model import Picture, Rendition

_LENGTH = struct.Struct(">I")
_MOST_HEADER = 1024 * 1024
_MOST_BYTES = 1024 * 1024 * 1024
"""What a child that was taken over may have the worker allocate. The largest picture's renditions are smaller."""

Header = dict[str, Any]


class Torn(Exception):
    """The other side ended within a message, or what it wrote is none."""


def send(pipe: IO[bytes], header: Mapping[str, Any], bodies: Sequence[bytes] = ()) -> None:
    """Write one message. Raises OSError where nobody reads."""
    text = json.dumps({**header, "lengths": [len(body) for body in bodies]}).encode()
    pipe.write(_LENGTH.pack(len(text)) + text)
    for body in bodies:
        pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[Header, list[bytes]] | None:
    """The next message, header and bodies; None where the other side has closed the pipe.

    Raises:
        Torn: it isn't whole.
    """
    first = pipe.read(_LENGTH.size)
    if not first:
        return None
    try:
        (length,) = _LENGTH.unpack(first)
        if length > _MOST_HEADER:
            raise Torn(f"a header of {length} bytes")
        header: Header = json.loads(_whole(pipe, length))
        lengths = [int(each) for each in header.pop("lengths")]
    except (struct.error, ValueError, LookupError, TypeError, AttributeError) as error:
        raise Torn(repr(error)) from error
    if min(lengths, default=0) < 0 or sum(lengths) > _MOST_BYTES:
        raise Torn(f"bodies of {lengths} bytes")
    return header, [_whole(pipe, each) for each in lengths]


def _whole(pipe: IO[bytes], length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise Torn(f"{len(data)} of {length} bytes")
    return data


def from_picture(picture: Picture) -> tuple[Header, list[bytes]]:
    """A picture as header and bodies: its facts, and the bytes of its renditions."""
    facts = {each.name: getattr(picture, each.name) for each in fields(picture) if each.name != "renditions"}
    renditions = [(rendition.size, rendition.format.name) for rendition in picture.renditions]
    return {"facts": facts, "renditions": renditions}, [rendition.data for rendition in picture.renditions]


def to_picture(header: Header, bodies: Sequence[bytes]) -> Picture:
    """The picture again.

    Raises:
        Torn: this is no picture.
    """
    try:
        renditions = tuple(
            Rendition(Size(size), data, FileFormat[name])
            for (size, name), data in zip(header["renditions"], bodies, strict=True)
        )
        return Picture(**header["facts"], renditions=renditions)
    except (ValueError, LookupError, TypeError) as error:
        raise Torn(repr(error)) from error
