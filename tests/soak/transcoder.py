"""MediaConvert as the soak's workers see it: the emulator, with a note of submissions and planned refusals."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus

from devstack.scripted import AwsAnswer, ScriptedEndpoint
from tests.soak.endpoint import listing_of, process_of
from tests.soak.record import SUBMIT, Record, Request


class WatchedTranscoder(ScriptedEndpoint):
    """A context manager in front of the emulator, which doesn't look at who asks."""

    def __init__(self, target: str, record: Record) -> None:
        super().__init__(target)
        self._record = record

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AwsAnswer:
        since = time.time()
        answer = self.forward(method, path, headers, body)
        submission = method == "POST" and path.endswith("/jobs")
        planned = answer[0] == HTTPStatus.TOO_MANY_REQUESTS
        if submission or planned:
            operation = SUBMIT if submission else f"{method} {path}"
            process, listing = process_of(headers), listing_of(body)
            self._record.requests.append(
                Request(process, "MediaConvert", operation, listing, since, time.time(), answer[0], planned)
            )
        return answer
