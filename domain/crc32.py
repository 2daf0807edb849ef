"""The CRC-32 of two pieces of data together, from those of each. Data themselves have `zlib.crc32`.

A CRC is a polynomial over GF(2) modulo the CRC's own, bit-reflected: the highest bit is the coefficient of x⁰.
The method is that of `crc32_combine` in zlib (https://github.com/madler/zlib/blob/v1.3.1/crc32.c).
"""

from __future__ import annotations

_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31
_BYTE = 1 << 23
"""x⁸: what a CRC is multiplied by for each byte that follows."""


def combine(first: int, second: int, length_of_second: int) -> int:
    """The CRC-32 of A + B, from the CRC-32 of A, that of B and B's length in bytes (below 2⁶⁴)."""
    for bit, shift in enumerate(_SHIFTS):
        if length_of_second >> bit & 1:
            first = _multiply(shift, first)
    return first ^ second


def _multiply(a: int, b: int) -> int:
    """The product of two polynomials, modulo the CRC's own."""
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


def _shifts() -> tuple[int, ...]:
    shifts = [_BYTE]
    while len(shifts) < 64:
        shifts.append(_multiply(shifts[-1], shifts[-1]))
    return tuple(shifts)


_SHIFTS = _shifts()
"""What a CRC is multiplied by for 1, 2, 4, 8… bytes that follow."""
