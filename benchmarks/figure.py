"""One measured figure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured; `limit` is None where it is only told."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    lowest: bool = False

    @property
    def missed(self) -> bool:
        if self.limit is None:
            return False
        return self.value < self.limit if self.lowest else self.value > self.limit

    def row(self) -> str:
        limit = "" if self.limit is None else f"{'≥' if self.lowest else '≤'} {self.limit:g}"
        verdict = "" if self.limit is None else ("MISSED" if self.missed else "ok")
        return f"{self.name:<58} {self.value:>10.4f} {self.unit:<8} {limit:<9} {verdict}"
