"""Two minutes of the soak; `make soak` has thirty, and a new seed each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.plan import KILL, TERMINATE, Profile, plan
from tests.soak.soak import run

SEED = 8
SECONDS = 60.0


@pytest.mark.timeout(600)
def test_in_a_minute_of_faults_and_what_comes_after_nothing_is_lost_and_nothing_doubled(
    moto_url: str, tmp_path: Path
) -> None:
    outcome = run(moto_url, tmp_path, SEED, Profile(SECONDS, outage_every=60), code={})
    assert outcome.found.wrong == [], outcome.table()
    assert outcome.faults[KILL] >= 3
    assert outcome.faults[TERMINATE] >= 3
    assert outcome.found.counts["jobs done, acknowledged and deleted"] >= 30
    assert outcome.found.counts["derivatives named, found and right"] >= 150


def test_a_seed_stands_for_its_faults() -> None:
    assert list(plan(SEED, Profile(SECONDS), 3)) == list(plan(SEED, Profile(SECONDS), 3))
    assert list(plan(SEED, Profile(SECONDS), 3)) != list(plan(SEED + 1, Profile(SECONDS), 3))
