"""The agent that ECS runs beside a task, as far as the protection from scale-in goes."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from devstack.receiver import Answer, Raw
from devstack.serving import LocalServer, QuietHandler

PATH = "/api/0123456789abcdef/task-protection/v1/state"
TASK = "arn:aws:ecs:eu-central-1:000000000000:task/media/0123456789abcdef"
FIELDS = {"ProtectionEnabled", "ExpiresInMinutes"}
LONGEST = 2880
"""Minutes."""


def failure(reason: str) -> Answer:
    """What ECS refused: the status is 200."""
    return _answer(HTTPStatus.OK, {"failure": {"Arn": TASK, "Detail": None, "Reason": reason}})


def error(status: int, code: str, message: str) -> Answer:
    """An error of the agent, or of its call of ECS."""
    return _answer(status, {"requestID": "1", "error": {"Arn": TASK, "Code": code, "Message": message}})


class EcsAgentEmulator(LocalServer):
    """A context manager: keeps the state, and refuses what the agent refuses.

    `asked` has the minutes of each change that was made, 0 for a lift. Each request takes the first planned
    answer instead, if there is one.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._plan: deque[Answer | Raw] = deque()
        self.asked: list[int] = []
        super().__init__(_handler(self), "127.0.0.1", 0)

    @property
    def uri(self) -> str:
        """The ECS_AGENT_URI of the task."""
        return f"{self.url}/api/0123456789abcdef"

    def plan(self, *answers: Answer | Raw) -> None:
        """Queue answers for the next requests, one for each, in order."""
        self._plan.extend(answers)

    def wait_until(self, enough: Callable[[list[int]], bool], timeout: float = 30) -> None:
        """Wait until a predicate over `asked` holds. Raises `TimeoutError` after `timeout` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: enough(self.asked), timeout):
                raise TimeoutError(f"after {timeout:g} s the agent had been asked for {self.asked}")

    def handle(self, path: str, body: bytes) -> Answer | Raw:
        """The answer to a PUT."""
        if self._plan:
            return self._plan.popleft()
        if path != PATH:
            return Answer(HTTPStatus.NOT_FOUND)
        wanted = _read(body)
        if wanted is None:
            return error(HTTPStatus.BAD_REQUEST, "InvalidParameterException", "failed to decode request")
        enabled, minutes = wanted["ProtectionEnabled"], wanted.get("ExpiresInMinutes", 120)
        with self._changed:
            self.asked.append(minutes if enabled else 0)
            self._changed.notify_all()
        until = "2026-01-05T12:15:00Z" if enabled else None
        state = {"ExpirationDate": until, "ProtectionEnabled": enabled, "TaskArn": TASK}
        return _answer(HTTPStatus.OK, {"protection": state})


def _read(body: bytes) -> Mapping[str, Any] | None:
    try:
        wanted = json.loads(body)
    except ValueError:
        return None
    if not isinstance(wanted, dict) or not isinstance(wanted.get("ProtectionEnabled"), bool):
        return None
    return (
        wanted if wanted.keys() <= FIELDS and wanted.get("ExpiresInMinutes", 1) in range(1, LONGEST + 1) else None
    )


def _answer(status: int, body: object) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(body).encode())


def _handler(agent: EcsAgentEmulator) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def _put(self) -> None:
            answer = agent.handle(self.path, self.body())
            if isinstance(answer, Raw):
                self.wfile.write(answer.data)
                self.close_connection = True
            else:
                self.answer(answer.status, answer.headers, answer.body)

        do_PUT = _put  # noqa: N815 - the name that http.server calls

    return Handler
