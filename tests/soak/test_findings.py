"""The budgets on what is excused."""

from __future__ import annotations

import pytest

from tests.soak.findings import CHANCE, GIVEN_UP, REPEATED, Findings
from tests.soak.plan import Profile


@pytest.mark.parametrize("what", [REPEATED, f"{GIVEN_UP} and reported"])
def test_too_many_excuses_are_wrong(what: str) -> None:
    found, profile = Findings(), Profile(60, repeats=5, given_up=5)
    found.counts[what] = int(CHANCE) + 5
    found.check_budgets(profile, 100)
    assert found.wrong == []
    found.counts[what] += 1
    found.check_budgets(profile, 100)
    assert len(found.wrong) == 1
