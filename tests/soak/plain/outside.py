"""AWS as the consumers see it: it notes what is asked of it and springs a row's trap. And the backend's notes."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from devstack.receiver import Callback
from devstack.scripted import SQS, AwsAnswer, operation_of
from tests.soak.endpoint import WatchedEndpoint, process_of
from tests.soak.record import Record

Act = Callable[[str], AwsAnswer | None]
"""What a trap does with the process (its access key) that sprang it; an answer is given in place of AWS's."""


@dataclass(frozen=True, slots=True)
class Trap:
    """Springs once, on the first request for this operation whose path has `text` in it."""

    operation: str
    text: str
    act: Act


@dataclass(frozen=True, slots=True)
class Sign:
    """That somebody is at work on a job: an S3 request about it or a callback; `at` in seconds since the epoch.

    `what` is an S3 operation, or the status that a callback told; `key` is an object's, "" of a callback.
    """

    at: float
    job: int
    what: str
    key: str
    status: int


class Aws(WatchedEndpoint):
    """Header names may come in any case: the SDK for JavaScript sends them in lower case."""

    def __init__(self, target: str, record: Record) -> None:
        super().__init__(target, record)
        self.signs: list[Sign] = []
        self.pollers: set[str] = set()
        """The processes that have asked for messages."""
        self.opened = threading.Event()
        """Nobody gets a message before, so that the first to ask gets as many as it takes at once."""
        self._traps: list[Trap] = []
        self._springing = threading.Lock()

    def set_trap(self, operation: str, text: str, act: Act) -> None:
        self._traps.append(Trap(operation, text, act))

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AwsAnswer:
        headers = {name.title(): value for name, value in headers.items()}
        operation = operation_of(method, path, headers)
        process = process_of(headers)
        if operation == f"{SQS}ReceiveMessage":
            self.pollers.add(process)
            if not self.opened.wait(1):
                return 200, {"Content-Type": "application/x-amz-json-1.0"}, b"{}"
        answer = self._spring(operation, path, process) or super().answer(method, path, headers, body)
        key = unquote(urlsplit(path).path).lstrip("/").partition("/")[2]
        if found := re.match(r"(\d+)/", key):
            self.signs.append(Sign(time.time(), int(found[1]), operation, key, answer[0]))
        return answer

    def _spring(self, operation: str, path: str, process: str) -> AwsAnswer | None:
        with self._springing:
            hit = next((each for each in self._traps if each.operation == operation and each.text in path), None)
            if hit is None:
                return None
            self._traps.remove(hit)
        return hit.act(process)


def told(callbacks: Iterable[Callback]) -> Iterator[Sign]:
    """The callbacks as signs."""
    for each in callbacks:
        yield Sign(each.received_at, int(each.payload["jobId"]), each.payload["status"], "", each.answered or 0)
