"""An AWS endpoint that counts what passes, by operation and key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from devstack.scripted import AwsAnswer, ScriptedEndpoint, operation_of


@dataclass(frozen=True, slots=True)
class Passed:
    """A request and its answer: `moved` are the bytes of both bodies."""

    operation: str
    key: str
    moved: int


class CountingEndpoint(ScriptedEndpoint):
    """A context manager: `passed` has the requests that the emulator answered, in the order of their answers."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.passed: list[Passed] = []

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AwsAnswer:
        status, told, data = super().answer(method, path, headers, body)
        _, _, key = urlsplit(path).path[1:].partition("/")
        sent = 0 if method == "HEAD" else len(data)
        self.passed.append(Passed(operation_of(method, path, headers), unquote(key), len(body) + sent))
        return status, told, data

    def count(self, about: Callable[[Passed], bool]) -> tuple[int, int]:
        """How many requests these were, and the bytes of all their bodies."""
        found = [passed.moved for passed in self.passed if about(passed)]
        return len(found), sum(found)
