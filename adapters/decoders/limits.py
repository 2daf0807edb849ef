"""What a child process may take, and what it lets go of."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4  # linux/prctl.h
_NEAR = 0.75
"""Of the address space: a decoder that fails above that lacked memory, whatever it says."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`processes` work at once; an image may take `memory` (bytes of address space) and `seconds`."""

    processes: int
    memory: int
    seconds: float


def hide_memory() -> None:
    """Let no process of the same user read this one's memory and environment: that has the credentials."""
    _prctl(_PR_SET_DUMPABLE, 0)


def bound(memory: int, parent: int) -> None:
    """Limit this process, for good, to so many bytes of address space, and to the life of its parent (a pid).

    A terminal's Ctrl-C and a service manager's SIGTERM are for the parent, which drains.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it died before the line above
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, ValueError):  # macOS knows no such limit
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with suppress(OSError):  # where memory runs out, the kernel's choice is this process and not the worker
        Path("/proc/self/oom_score_adj").write_text("1000")
    _prctl(_PR_SET_DUMPABLE, 0)  # for other children; from here on that file is root's


def near_the_limit(memory: int) -> bool:
    """Whether this process has ever had almost all of its address space (bytes). False where nobody says."""
    with suppress(OSError, StopIteration, ValueError):
        status = Path("/proc/self/status").read_text().splitlines()
        peak = next(line.split()[1] for line in status if line.startswith("VmPeak:"))
        return int(peak) * 1024 > _NEAR * memory
    return False


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
