"""Checks, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import structlog

from domain.checks.finding import Finding, unseen
from domain.errors import MediaError
from worker.beside import beside

Check = Callable[[], Iterable[Finding]]
"""Looks, and says what it found; it may raise MediaError when it can't go on."""


def checked(checks: Mapping[str, Check], seconds: float) -> list[Finding]:
    """The findings of all checks, in their order. Each check has so many seconds, and its own failure."""
    with ThreadPoolExecutor(len(checks), "check") as pool:
        found = pool.map(lambda name: _bounded(name, checks[name], seconds), checks)
        return [finding for findings in found for finding in findings]


def log_failures(findings: Iterable[Finding]) -> None:
    for finding in findings:
        if not finding.good:
            structlog.get_logger().warning(
                "check failed", check=finding.name, why=finding.seen, means=finding.means, advice=finding.advice
            )


def _bounded(name: str, check: Check, seconds: float) -> list[Finding]:
    found: list[Finding] = []

    def look() -> None:
        for finding in check():
            found.append(finding)  # what was found before a time-out counts

    try:
        beside(look, seconds)
    except TimeoutError:
        late = f"not done within {seconds:g} s"
        return [
            *found,
            Finding(name, False, late, "something doesn't answer", "look at the network and try again"),
        ]
    except MediaError as error:
        return [*found, unseen(name, error)]
    except Exception as error:
        return [*found, Finding(name, False, repr(error), "a bug in this check", "report it")]
    return found
