"""What a report says of one upload."""

from __future__ import annotations

from domain.model import Derivatives, Failure, Report


def outcome_of(report: Report, key: str) -> Derivatives | Failure:
    return next(result.outcome for result in report.results if result.asset.key == key)
