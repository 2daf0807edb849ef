"""`python -m tests.soak.mutate [NAME …]`: each fault put into the worker must turn the soak red.

Prints a table, and ends with 1 where a mutant survives or doesn't apply, or where the soak is red without one.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from devstack.moto import moto_server
from tests.soak.mutants import MUTANTS, Mutant, StaleMutant, plant
from tests.soak.plan import KILL, SIGNALS, TERMINATE, Profile
from tests.soak.soak import run

PROFILE = Profile(
    seconds=60,
    max_receive_count=4,
    listing_every=1.25,
    videos=1,
    odd=4,
    kept=3,
    outage_every=60,
    held=50,
    freeze_every=14,
    repeats=10,
    given_up=15,
    weights={KILL: 4.0, TERMINATE: 6.0},
)
"""Fewer receives, so that the retries' delays end within the three minutes; more of what a mutant must meet."""
CALM = replace(PROFILE, freeze_every=0.0, weights=dict.fromkeys(SIGNALS, 0.0))
"""The same, where all processes live."""
SEEDS = (1, 2, 3)
"""Of the soaks without a mutant."""
LONGEST = 300.0
SIDE_BY_SIDE = 2


@dataclass(frozen=True, slots=True)
class Run:
    """A soak with a mutant, or without one (None); what it said was wrong, and the seconds it took."""

    mutant: Mutant | None
    seed: int
    seconds: float
    wrong: tuple[str, ...]

    @property
    def right(self) -> bool:
        return bool(self.wrong) and self.seconds <= LONGEST if self.mutant else not self.wrong

    def row(self) -> str:
        name = self.mutant.name if self.mutant else "none"
        said = self.wrong[0] if self.wrong else "nothing"
        return f"| {name} | {self.seed} | {self.seconds:.0f} | {said.replace('|', '/')} | {len(self.wrong)} |"


def soak(mutant: Mutant | None, seed: int) -> Run:
    """One soak against an AWS of its own. Raises StaleMutant."""
    scratch = Path(tempfile.mkdtemp(prefix="mutant-"))
    code = plant(mutant, scratch / "code") if mutant else {}
    profile = CALM if mutant and mutant.calm else PROFILE
    with moto_server() as endpoint:
        started = time.monotonic()
        outcome = run(endpoint, scratch, seed, profile, code)
        seconds = time.monotonic() - started
    (scratch / "outcome.txt").write_text("\n".join([outcome.table(), *outcome.found.wrong]))
    result = Run(mutant, seed, seconds, tuple(outcome.found.wrong))
    print(f"{result.row()} {scratch}", flush=True)
    return result


def main(names: Iterable[str]) -> int:
    wanted = set(names)
    jobs: list[tuple[Mutant | None, int]] = [(None, seed) for seed in SEEDS if not wanted or "none" in wanted]
    jobs += [(mutant, mutant.seed) for mutant in MUTANTS if not wanted or mutant.name in wanted]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        try:
            runs = list(pool.map(lambda job: soak(*job), jobs))
        except StaleMutant as error:
            print(f"STALE: {error}")
            return 1
    print("\n| mutant | seed | seconds | what the soak said first | findings |\n|---|---|---|---|---|")
    print("\n".join(each.row() for each in runs))
    for each in runs:
        if not each.right:
            print(f"WRONG: {each.row()}")
    return 0 if runs and all(each.right for each in runs) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
