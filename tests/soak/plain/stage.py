"""What a row's fault is arranged with."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from devstack.receiver import Receiver
from devstack.scripted import AwsAnswer
from tests.soak.plain.crew import Crew
from tests.soak.plain.outside import Aws

TICK = 0.1


class Stage:
    """The services and the crew of one cell. From `since` (epoch, s) on nothing keeps a job from going on."""

    def __init__(self, aws: Aws, receiver: Receiver, crew: Crew) -> None:
        self.aws = aws
        self.receiver = receiver
        self.crew = crew
        self.since = time.time()
        self._todo: queue.SimpleQueue[tuple[Callable[[], None], threading.Event]] = queue.SimpleQueue()
        self._later: list[tuple[float, Callable[[], None]]] = []

    def on(self, operation: str, text: str, fault: Callable[[str], None], answer: AwsAnswer | None = None) -> None:
        """Cause the fault at the first request for this operation with `text` in its path.

        The fault gets the access key of the process that asks. The request waits until it has happened.
        """

        def act(process: str) -> AwsAnswer | None:
            happened = threading.Event()
            self._todo.put((lambda: fault(process), happened))
            happened.wait(10)
            return answer

        self.aws.set_trap(operation, text, act)

    def lasts(self, seconds: float, undo: Callable[[], None] = lambda: None, *, for_all: bool = False) -> None:
        """The fault lasts for so long from now on.

        A job can't go on before the end of one that is `for_all`; what another process could go on with lies
        still from the beginning.
        """
        end = time.time() + seconds
        self.since = end if for_all else time.time()
        self._later.append((end, undo))

    @property
    def calm(self) -> bool:
        """Whether nothing is left to be undone."""
        return not self._later

    def tick(self) -> None:
        try:
            happen, happened = self._todo.get(timeout=TICK)
        except queue.Empty:
            pass
        else:
            happen()
            happened.set()
        for due in [due for due in self._later if due[0] <= time.time()]:
            self._later.remove(due)
            due[1]()
        self.crew.tend()
