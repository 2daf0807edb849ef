"""The machine: its clock, CPUs and memory."""

from __future__ import annotations

from dataclasses import dataclass

from domain.checks.finding import Finding
from domain.rendition_cache import RENDITION_BYTES

MOST_SKEW = 60.0
"""Seconds."""
MB = 1_000_000
PROCESS, JOB = 150 * MB, 45 * MB
"""Bytes, as docs/operating.md has them: of the worker's own process, and of each job's bundle."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """The settings that cost CPU and memory."""

    concurrency: int
    image_processes: int
    image_memory: int
    photo_buffer: int

    @property
    def memory(self) -> int:
        """The most bytes that a worker and its child processes, of which there is a spare one, need."""
        worker = PROCESS + RENDITION_BYTES + JOB * self.concurrency + self.photo_buffer
        return worker + (self.image_processes + 1) * self.image_memory


def judge_clock(ahead: float) -> Finding:
    """`ahead`: by how many seconds our clock is ahead of AWS's."""
    name = "clock"
    seen = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} AWS's"
    if abs(ahead) < 2:  # AWS tells the time in whole seconds
        return Finding(name, True, "AWS's time")
    if abs(ahead) <= MOST_SKEW:
        return Finding(name, True, seen)
    return Finding(
        name,
        False,
        seen,
        "from 5 minutes on AWS refuses every request, and the backend every callback's timestamp",
        "let chrony or systemd-timesyncd set this machine's clock",
    )


def judge_cpus(sizing: Sizing, cpus: int) -> Finding:
    name, seen = "CPUs", f"IMAGE_PROCESSES is {sizing.image_processes}, for {cpus} CPUs"
    if sizing.image_processes <= cpus:
        return Finding(name, True, seen)
    return Finding(
        name,
        False,
        seen,
        "more processes than CPUs cost memory, and make nothing faster",
        "leave IMAGE_PROCESSES out",
    )


def judge_memory(sizing: Sizing, limit: int | None) -> Finding:
    """`limit` in bytes; None: it isn't known."""
    name, need = "memory", f"with these settings {sizing.memory / 1e9:.1f} GB are needed at most"
    if limit is None:
        return Finding(name, True, f"{need}; how much there is can't be seen here")
    seen = f"{limit / 1e9:.1f} GB; {need}"
    if limit >= sizing.memory:
        return Finding(name, True, seen)
    return Finding(
        name,
        False,
        seen,
        "a few large photos at once may be killed by the kernel, and fail",
        "give it more memory, or lower IMAGE_MEMORY or WORKER_CONCURRENCY: docs/operating.md, Sizing",
    )
