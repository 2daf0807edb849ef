"""What the reckoning found, and how much of what was excused is too much."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

REPEATED = "acknowledged callbacks repeated under the same webhook-id"
GIVEN_UP = "jobs that could be processed, in the DLQ"
BUDGETS = {REPEATED: 6.0, GIVEN_UP: 3.0}
"""How many there may be for a hundred faults. docs/proof.md has the baselines."""
CHANCE = 2.0
"""How many more there may be in any run: a short one has few faults."""


@dataclass
class Findings:
    """What is wrong, and what was counted on the way."""

    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def must(self, kept: bool, wrong: str, counted: str = "") -> None:
        if not kept:
            self.wrong.append(wrong)
        elif counted:
            self.counts[counted] += 1

    def check_budgets(self, faults: int) -> None:
        """What has an excuse each time, but has it too often, is wrong."""
        for name, budget in BUDGETS.items():
            found = sum(count for what, count in self.counts.items() if what.startswith(name))
            allowed = CHANCE + budget * faults / 100
            self.must(found <= allowed, f"{found} {name}, where {faults} faults allow {allowed:.0f}")
