"""What worker and child write into each other's pipe: a header of JSON, and then bytes."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import IO, Any

from domain.content import FileFormat
from domain.errors import Permanent
from domain.kinds import Size
from domain.model import Picture, Rendition

_LENGTH = struct.Struct(">I")
_MOST_HEADER = 1024 * 1024
MOST_RENDITIONS = 64 * 1024 * 1024
"""Bytes of a picture's renditions together: all that a child, taken over or not, can have the worker allocate."""

Header = dict[str, Any]


class Torn(Exception):
    """What the other side wrote is no message."""


class CutOff(Torn):
    """The other side ended within a message."""


def send(pipe: IO[bytes], header: Mapping[str, Any], bodies: Sequence[bytes] = ()) -> None:
    """Write one message. Raises OSError where nobody reads."""
    text = json.dumps({**header, "lengths": [len(body) for body in bodies]}).encode()
    pipe.write(_LENGTH.pack(len(text)) + text)
    for body in bodies:
        pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes], most: int = sys.maxsize) -> tuple[Header, list[bytes]] | None:
    """The next message, header and bodies; None where the other side has closed the pipe.

    Raises:
        CutOff: it isn't whole. Torn: it is no message, or its bodies have more bytes than `most`.
    """
    first = pipe.read(_LENGTH.size)
    if not first:
        return None
    if len(first) < _LENGTH.size:
        raise CutOff(f"{len(first)} of {_LENGTH.size} bytes")
    (length,) = _LENGTH.unpack(first)
    if length > _MOST_HEADER:
        raise Torn(f"a header of {length} bytes")
    text = _whole(pipe, length)
    try:
        header: Header = json.loads(text)
        lengths = [int(each) for each in header.pop("lengths")]
    except Exception as error:  # of a child that was taken over, of any kind
        raise Torn(repr(error)) from error
    if min(lengths, default=0) < 0 or sum(lengths) > most:
        raise Torn(f"bodies of {lengths} bytes")
    return header, [_whole(pipe, each) for each in lengths]


def _whole(pipe: IO[bytes], length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise CutOff(f"{len(data)} of {length} bytes")
    return data


def from_picture(picture: Picture) -> tuple[Header, list[bytes]]:
    """A picture as header and bodies: its facts, and the bytes of its renditions.

    Raises:
        Permanent: these have more bytes than MOST_RENDITIONS.
    """
    total = sum(len(rendition.data) for rendition in picture.renditions)
    if total > MOST_RENDITIONS:
        raise Permanent(f"its sizes together have {total:,} bytes, more than {MOST_RENDITIONS:,}: make it smaller")
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
