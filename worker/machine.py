"""What the machine has, and how this process takes of it."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

MIB = 1024 * 1024
_M_MMAP_THRESHOLD = -3  # glibc's malloc.h
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def return_freed_memory() -> None:
    """Have glibc give each block of 1 MiB or more back to the system when it is freed.

    By default that threshold grows with the blocks that are freed, up to 32 MiB, and the heap of each thread keeps
    what a photo took: mallopt(3), M_MMAP_THRESHOLD.
    """
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, MIB)


def usable_memory() -> int | None:
    """The bytes of memory that this process may use: the machine's, and no more than its control group's limit.

    None where the system doesn't say it.
    """
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
    limits = [limit for file in _LIMITS if (limit := _limit(file)) is not None]
    return min([machine, *limits])


def _limit(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no such file, or no limit ("max")
        return None
