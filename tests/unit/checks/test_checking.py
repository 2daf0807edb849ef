"""Checks side by side: none keeps another from its work."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from structlog.testing import capture_logs

from domain.checks.finding import Finding
from domain.errors import Transient
from worker.checking import checked, log_failures

FINE = Finding("fine", True, "it is")
WRONG = Finding("wrong", False, "it is", "that it is wrong", "mend it")


def refuse() -> Iterator[Finding]:
    yield FINE
    raise Transient("no answer")


def test_the_findings_come_in_the_order_of_the_checks() -> None:
    together = threading.Barrier(2)

    def wait_for_the_other() -> Iterator[Finding]:
        together.wait(10)
        yield FINE

    found = checked({"1": wait_for_the_other, "2": wait_for_the_other, "3": lambda: [WRONG]}, 10)
    assert found == [FINE, FINE, WRONG]


def test_a_check_that_fails_stops_no_other_and_keeps_what_it_found() -> None:
    first, second, third = checked({"asks": refuse, "other": lambda: [WRONG]}, 10)
    assert (first, third) == (FINE, WRONG)
    assert (second.name, second.good, second.seen) == ("asks", False, "no answer")


def test_a_check_that_hangs_is_given_up() -> None:
    never = threading.Event()

    def hang() -> Iterator[Finding]:
        yield FINE
        never.wait()

    found = checked({"hangs": hang, "other": lambda: [WRONG]}, 0.05)
    never.set()
    assert [(finding.name, finding.good) for finding in found] == [
        ("fine", True),
        ("hangs", False),
        ("wrong", False),
    ]
    assert "0.05 s" in found[1].seen


def test_a_bug_in_a_check_is_a_finding() -> None:
    (found,) = checked({"buggy": lambda: [1 // 0]}, 10)  # type: ignore[list-item]
    assert not found.good
    assert "ZeroDivisionError" in found.seen


def test_only_what_is_wrong_is_logged_with_what_to_do() -> None:
    with capture_logs() as log:
        log_failures([FINE, WRONG])
    assert log == [
        {
            "event": "check failed", "check": "wrong", "why": "it is", "means": "that it is wrong",
            "advice": "mend it", "log_level": "warning",
        }
    ]  # fmt: skip
