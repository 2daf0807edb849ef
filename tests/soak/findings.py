"""What the reckoning found, and how much of what was excused is too much."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.soak.plan import Profile

REPEATED = "acknowledged callbacks repeated under the same webhook-id"
GIVEN_UP = "jobs that could be processed, in the DLQ"
CHANCE = 2.0
"""How many of each there may be in any run beside what its faults allow: a short one has few."""


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

    def check_budgets(self, profile: Profile, faults: int) -> None:
        """What has an excuse each time, but has it too often, is wrong."""
        for name, budget in ((REPEATED, profile.repeats), (GIVEN_UP, profile.given_up)):
            found = sum(count for what, count in self.counts.items() if what.startswith(name))
            allowed = CHANCE + budget * faults / 100
            self.must(found <= allowed, f"{found} {name}, where {faults} faults allow {allowed:.0f}")
