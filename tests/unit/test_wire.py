"""What worker and child write to each other; the child may be taken over."""

from __future__ import annotations

import io
import json
import struct

import pytest

from adapters.decoders.wire import CutOff, Torn, from_picture, receive, send, to_picture
from domain.content import FileFormat
from domain.kinds import WIDTHS
from domain.model import Picture, Rendition

PICTURE = Picture(
    800,
    600,
    tuple(Rendition(size, size.encode() * 9, FileFormat.PNG) for size in WIDTHS),
    dominant_color="#8a7f6d",
    thumbhash="HBkSHYSIeHiPiHh8eJd4eTN0EEQG",
)


def sent() -> bytes:
    pipe = io.BytesIO()
    send(pipe, *from_picture(PICTURE))
    return pipe.getvalue()


def framed(header: object) -> io.BytesIO:
    text = json.dumps(header).encode()
    return io.BytesIO(struct.pack(">I", len(text)) + text)


def test_a_picture_is_the_same_on_the_other_side() -> None:
    received = receive(io.BytesIO(sent()))
    assert received
    assert to_picture(*received) == PICTURE


def test_a_pipe_that_was_closed_between_two_messages_is_no_error() -> None:
    pipe = io.BytesIO(sent())
    assert receive(pipe)
    assert receive(pipe) is None


@pytest.mark.parametrize("length", [1, 3, 4, 20, len(sent()) - 1])
def test_a_message_that_was_cut_off_is_one(length: int) -> None:
    with pytest.raises(CutOff):
        receive(io.BytesIO(sent()[:length]))


@pytest.mark.parametrize(
    "header",
    [
        {},
        [],
        None,
        {"lengths": 3},
        {"lengths": ["x"]},
        {"lengths": [-1]},
        {"lengths": [2**40]},
        {"lengths": [None]},
        {"lengths": [float("inf")]},
    ],
)
def test_nor_is_nonsense_taken_for_a_message(header: object) -> None:
    with pytest.raises(Torn):
        receive(framed(header))


def test_nor_is_one_that_is_nested_too_deep() -> None:
    with pytest.raises(Torn):
        receive(io.BytesIO(struct.pack(">I", 100_000) + b"[" * 100_000))


def test_nor_is_a_header_that_would_fill_the_memory() -> None:
    with pytest.raises(Torn):
        receive(io.BytesIO(b"\xff" * 64))


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"facts": {"width": 1, "height": 1}},
        {"facts": {"width": 1, "height": 1}, "renditions": [["huge", "PNG"]]},
        {"facts": {"width": 1, "height": 1}, "renditions": [["large", "EXE"]]},
        {"facts": {"width": 1, "height": 1}, "renditions": [["large", "PNG"]] * 2},
        {"facts": {"width": 1}, "renditions": [["large", "PNG"]]},
        {"facts": [], "renditions": [["large", "PNG"]]},
    ],
)
def test_nor_for_a_picture(header: dict[str, object]) -> None:
    with pytest.raises(Torn):
        to_picture(header, [b"x"])
