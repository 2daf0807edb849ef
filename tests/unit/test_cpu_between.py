from __future__ import annotations

import pytest

from benchmarks.processes import Look, cpu_between


@pytest.mark.parametrize(
    ("start", "end", "seconds"), [(0.5, 2.5, 5.0), (0.0, 9.0, 6.0), (1.0, 1.5, 3.0), (2.1, 2.2, 0.0)]
)
def test_the_cpu_time_between_two_times_is_that_of_the_looks_after_them(
    start: float, end: float, seconds: float
) -> None:
    """Own, children's and server's: the looks are at 0 to 3 s, and know of 0, 1, 4 and 6 s."""
    looks = [Look(0, 0, 0, 0, 0), Look(1, 1, 0, 0, 0), Look(2, 1, 3, 0, 0), Look(3, 1, 3, 2, 0)]
    assert cpu_between(looks, start, end) == seconds
