"""The backend's callback: signed, retried, never redirected."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Literal

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

from adapters.endpoint import Endpoint, NoAnswer
from adapters.signature import signature_headers
from domain.errors import Dependency, Transient, Unavailable
from domain.model import Report
from domain.outlast import outlasting
from domain.ports import Attempt

TRY_SECONDS = 20
PATIENCE = 60
"""For how many seconds one attempt tries, outages not counted; after that the message comes back later."""
FIRST_WAIT = 1
LONGEST_WAIT = 20
LONGEST_RETRY_AFTER = 24 * 3600
"""A longer Retry-After (seconds) is taken for a mistake; one of very many digits would become infinity."""

Result = Literal["acknowledged", "transient", "refused"]
Tried = Callable[[Result, int | None, float], None]
"""Called after each try with its result, the HTTP status (None: no answer) and its duration in seconds.

All but "transient" say that the backend does its work.
"""

_EVERYBODYS = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}
    | {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE}
    | {HTTPStatus.GATEWAY_TIMEOUT}
)
"""Answers that are never about one job."""


class SignedCallback:
    """The `Backend` port over HTTP.

    `body` writes a report as JSON; `sleep` waits between two tries; `now` is the wall clock, which the
    signature's timestamp is of; `tried` hears of each try.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        body: Callable[[Report], bytes],
        sleep: Callable[[float], None],
        now: Callable[[], datetime],
        tried: Tried = lambda *_: None,
    ) -> None:
        self._endpoint = Endpoint(url, TRY_SECONDS)
        self._secret = secret.encode()
        self._body = body
        self._sleep = sleep
        self._now = now
        self._tried = tried

    def notify(self, report: Report, attempt: Attempt) -> None:
        body = self._body(report)
        patience = _Patience(attempt, self._now)
        tries = Retrying(
            retry=retry_if_exception_type(Unavailable),
            wait=_wait,
            stop=patience.spent,
            sleep=self._sleep,
            reraise=True,
        )

        def once() -> None:
            attempt.checkpoint()
            self._post(body, report)

        for one in tries:
            with one:
                outlasting(patience.outlast, once)

    def _post(self, body: bytes, report: Report) -> None:
        signed = signature_headers(self._secret, webhook_id_of(report), self._now(), body)
        headers = {"Content-Type": "application/json", "User-Agent": "media-worker", **signed}
        if report.job.traceparent:
            headers["traceparent"] = report.job.traceparent
        began = self._now()
        try:
            answer = self._endpoint.post(body, headers)
        except NoAnswer as error:
            self._note("transient", None, began)
            raise _logged(Unavailable(f"the callback got no answer: {error}", Dependency.BACKEND)) from error
        if 200 <= answer.status < 300:
            self._note("acknowledged", answer.status, began)
            structlog.get_logger().info("callback acknowledged", http_status=answer.status, status=report.status)
            return
        message = f"the backend answered the callback with {answer.status}"
        evident = answer.status in _EVERYBODYS
        if evident or answer.status >= 500:
            self._note("transient", answer.status, began)
            retry_after = self._delay(answer.retry_after)
            raise _logged(Unavailable(message, Dependency.BACKEND, evident=evident, retry_after=retry_after))
        self._note("refused", answer.status, began)
        raise _logged(Transient(f"{message}, which is final for this attempt"))

    def _note(self, result: Result, status: int | None, began: datetime) -> None:
        self._tried(result, status, (self._now() - began).total_seconds())

    def _delay(self, retry_after: str) -> float:
        """The delay, from either form of https://www.rfc-editor.org/rfc/rfc9110#name-retry-after."""
        if retry_after.isascii() and retry_after.isdigit():
            return min(float(retry_after), LONGEST_RETRY_AFTER)
        try:
            at = parsedate_to_datetime(retry_after)
        except (ValueError, OverflowError):
            return 0
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - self._now()).total_seconds()
        return min(max(0.0, seconds), LONGEST_RETRY_AFTER)


class _Patience:
    """For how long this job's callback is tried, without the time that an outage takes."""

    def __init__(self, attempt: Attempt, now: Callable[[], datetime]) -> None:
        self._attempt = attempt
        self._now = now
        self._began = now()
        self._failed_alone = False

    def outlast(self, error: Unavailable) -> None:
        began = self._now()
        error.again = error.again or self._failed_alone
        try:
            self._attempt.outlast(error)
        except Unavailable:
            self._failed_alone = True
            raise
        finally:
            self._began += self._now() - began

    def spent(self, state: RetryCallState) -> bool:
        """Whether PATIENCE is spent, or will be before the delay that the backend asked for is over."""
        return (self._now() - self._began).total_seconds() + _asked_for(state) >= PATIENCE


def _wait(state: RetryCallState) -> float:
    backoff = wait_exponential_jitter(initial=FIRST_WAIT, max=LONGEST_WAIT)(state)
    return max(backoff, _asked_for(state))


def webhook_id_of(report: Report) -> str:
    """The callback's id: the same for every delivery of the same outcome of the same message."""
    outcome = f"{report.job.message_id}:{report.status}"
    return "msg_" + hashlib.sha256(outcome.encode()).hexdigest()[:32]


def _asked_for(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after if isinstance(error, Transient) else 0


def _logged(error: Transient) -> Transient:
    structlog.get_logger().warning("callback not acknowledged", why=str(error), retry_after=error.retry_after)
    return error
