"""Whose picture is rendered next."""

from __future__ import annotations

import pytest

from adapters.decoders.turns import Asked, Held, next_turn

A, B, C = Asked("a"), Asked("b"), Asked("c")
SLOW = Held("a", slow=True)


def held(jobs: str) -> list[Held]:
    return [Held(job) for job in jobs]


@pytest.mark.parametrize(
    ("waiting", "busy", "turn"),
    [
        ([A], "", 0),
        ([A], "a", 0),
        ([A], "aa", None),
        ([A, A, B], "aa", 2),
        ([A, B], "aab", 1),
        ([A, B], "ab", 0),
        ([A, B, C], "ab", 2),
        ([A, B], "abb", 0),
        ([], "a", None),
    ],
)
def test_the_job_that_holds_fewest_comes_first_and_none_holds_more_than_the_processes(
    waiting: list[Asked], busy: str, turn: int | None
) -> None:
    assert next_turn(waiting, held(busy), 2) == turn


def test_a_job_with_a_slow_picture_comes_after_the_others() -> None:
    assert next_turn([A, B], [SLOW, Held("b")], 2) == 1
    assert next_turn([A, B], [SLOW, Held("b"), Held("b")], 2) == 0


def test_a_picture_that_is_to_be_alone_waits_for_the_others_and_they_for_it() -> None:
    alone = Asked("a", alone=True)
    assert next_turn([B, alone], held("b"), 2) is None
    assert next_turn([B, alone], [], 2) == 1
    assert next_turn([B], [Held("a", alone=True)], 2) is None


def test_but_they_dont_wait_for_a_slow_one_too() -> None:
    assert next_turn([Asked("c", alone=True), B], [SLOW], 2) == 1
    assert next_turn([Asked("c", alone=True)], [SLOW], 2) is None
