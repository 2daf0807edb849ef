"""What every backend does: the fake, and the signed callback to a receiver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from adapters.backend import SignedCallback
from adapters.callback import CallbackForm
from devstack.receiver import Answer, Receiver
from domain.errors import Dependency, LeaseLost, Transient, Unavailable
from domain.model import Job, Report, Status
from domain.ports import Backend
from tests.fakes import NOW, FakeAttempt, FakeBackend

SECRET = "a-secret-of-the-tests"
BODY = CallbackForm("STEP_FUNCTIONS", "STEP_FUNCTIONS_FINALIZATION").body
REPORT = Report(Job(21, 28, "m-1"), Status.SUCCEEDED, NOW, NOW, ())


@dataclass(frozen=True, slots=True)
class Office:
    """A backend, what statuses it acknowledged, and how to have it refuse what comes or be out once."""

    backend: Backend
    acknowledged: Callable[[], list[str]]
    refuse: Callable[[], None]
    be_out: Callable[[], None]


def fake_office() -> Office:
    backend = FakeBackend()

    def raise_transient(report: Report) -> None:
        raise Transient("as ordered")

    def raise_once(report: Report) -> None:
        backend.before = lambda report: None
        raise Unavailable("as ordered", Dependency.BACKEND)

    return Office(
        backend,
        lambda: [report.status for report in backend.reports],
        lambda: setattr(backend, "before", raise_transient),
        lambda: setattr(backend, "before", raise_once),
    )


def http_office(receiver: Receiver) -> Office:
    def no_wait(seconds: float) -> None:
        raise AssertionError(f"a final answer isn't waited for, {seconds} s")

    return Office(
        SignedCallback(receiver.url, SECRET, BODY, no_wait, lambda: datetime.now(UTC)),
        lambda: [callback.payload["status"] for callback in receiver.acknowledged],
        lambda: receiver.plan(Answer(400)),
        lambda: receiver.plan(Answer(503)),
    )


@pytest.fixture(params=["fake", "http"])
def office(request: pytest.FixtureRequest) -> Iterator[Office]:
    if request.param == "fake":
        yield fake_office()
        return
    with Receiver(SECRET) as receiver:
        yield http_office(receiver)


def test_a_report_is_acknowledged_once_after_one_look_at_the_attempt(office: Office) -> None:
    looks: list[list[str]] = []
    attempt = FakeAttempt()
    attempt.before_checkpoint = lambda: looks.append(office.acknowledged())
    office.backend.notify(REPORT, attempt)
    assert office.acknowledged() == ["SUCCEEDED"]
    assert looks == [[]], "before it is sent"


def test_an_attempt_that_must_not_go_on_sends_nothing(office: Office) -> None:
    def lose() -> None:
        raise LeaseLost("as ordered")

    attempt = FakeAttempt()
    attempt.before_checkpoint = lose
    with pytest.raises(LeaseLost):
        office.backend.notify(REPORT, attempt)
    assert office.acknowledged() == []


def test_what_is_refused_is_transient_and_not_acknowledged(office: Office) -> None:
    office.refuse()
    with pytest.raises(Transient):
        office.backend.notify(REPORT, FakeAttempt())
    assert office.acknowledged() == []


def test_an_outage_is_outlasted_by_the_attempt(office: Office) -> None:
    office.be_out()
    attempt = FakeAttempt()
    attempt.outages = 1
    office.backend.notify(REPORT, attempt)
    assert len(attempt.outlasted) == 1
    assert office.acknowledged() == ["SUCCEEDED"]
