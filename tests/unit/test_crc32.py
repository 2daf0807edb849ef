from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.crc32 import combine


@given(st.binary(), st.binary())
def test_two_crcs_make_that_of_the_whole(first: bytes, second: bytes) -> None:
    whole = combine(zlib.crc32(first), zlib.crc32(second), len(second))
    assert whole == zlib.crc32(first + second)


@given(st.lists(st.binary(min_size=1), min_size=1))
def test_so_do_many_one_after_another(pieces: list[bytes]) -> None:
    whole = 0
    for piece in pieces:
        whole = combine(whole, zlib.crc32(piece), len(piece))
    assert whole == zlib.crc32(b"".join(pieces))


@pytest.mark.parametrize("length", [1 << 20, (5 << 20) + 1, (1 << 24) - 1])
def test_a_long_second_piece(length: int) -> None:
    first, second = b"the first", bytes(length)
    assert combine(zlib.crc32(first), zlib.crc32(second), length) == zlib.crc32(second, zlib.crc32(first))


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(1, 2**43), st.integers(0, 2**43))
def test_a_piece_of_terabytes_counts_as_two_that_follow_each_other(
    first: int, second: int, length: int, part: int
) -> None:
    """Lengths that can't be compared with zlib's: zeros that are cut in two, then the rest on top."""
    cut = part % length
    in_two = combine(combine(first, 0, cut), second, length - cut)
    assert in_two == combine(first, second, length)
