"""The task's protection from scale-in, at the agent that ECS runs beside each task.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
"""

from __future__ import annotations

import json
from http import HTTPStatus

import urllib3

from domain.errors import Permanent, Transient

CONNECT_SECONDS = 2
READ_SECONDS = 10
"""The agent itself gives up on ECS after 4 s."""
LONGEST_EXCERPT = 500
"""Characters of an answer in an error."""


class EcsAgent:
    """The `TaskProtection` port. `uri` is the task's ECS_AGENT_URI; None: this is no task of ECS."""

    def __init__(self, uri: str | None) -> None:
        self._uri = uri
        self._http = urllib3.PoolManager(
            retries=False, timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        )

    def protect(self, minutes: int) -> None:
        self._put({"ProtectionEnabled": True, "ExpiresInMinutes": minutes})

    def lift(self) -> None:
        self._put({"ProtectionEnabled": False})

    def _put(self, wanted: dict[str, bool | int]) -> None:
        if self._uri is None:
            raise Permanent("there is no ECS_AGENT_URI: this is no task of ECS")
        try:
            answer = self._http.request("PUT", f"{self._uri}/task-protection/v1/state", json=wanted)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Transient(f"no answer from the ECS agent: {error}") from error
        if answer.status != HTTPStatus.OK or _state_in(answer.data) is not wanted["ProtectionEnabled"]:
            said = answer.data[:LONGEST_EXCERPT].decode(errors="replace")
            raise Transient(f"the ECS agent answered {answer.status}: {said}")


def _state_in(body: bytes) -> object:
    """Whether the task is protected; None where the answer is a failure, which has the status 200, too."""
    try:
        return json.loads(body)["protection"]["ProtectionEnabled"]
    except (ValueError, LookupError, TypeError):
        return None
