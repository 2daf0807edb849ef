"""What the machine has."""

from __future__ import annotations

import os
from pathlib import Path

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


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
