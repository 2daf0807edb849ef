"""The memory of a worker and its child processes, while a test goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from devstack.processes import memory
from tests.e2e.world import Worker


def children_of(worker: Worker) -> set[int]:
    tasks = Path(f"/proc/{worker.process.pid}/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}


class Peak:
    """The most bytes in memory of a worker and its children, and of each alone, while one looks."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.together = self.of_worker = self.of_child = 0

    def look(self) -> None:
        pid_of_worker = self._worker.process.pid
        children = []
        for pid in children_of(self._worker):
            with suppress(OSError, ValueError, LookupError):  # it has just ended
                children.append(memory("VmRSS", pid))
        self.of_worker = memory("VmHWM", pid_of_worker)
        self.of_child = max([self.of_child, *children])
        self.together = max(self.together, memory("VmRSS", pid_of_worker) + sum(children))


@contextmanager
def looking(worker: Worker) -> Iterator[Peak]:
    peak, stop = Peak(worker), threading.Event()

    def look() -> None:
        while not stop.wait(0.02):
            with suppress(OSError):
                peak.look()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()
    peak.look()
