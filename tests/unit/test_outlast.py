from __future__ import annotations

import weakref
from collections.abc import Iterator

import pytest

from domain.errors import Dependency, LeaseLost, Unavailable
from domain.outlast import outlasting
from tests.fakes import Pixels, fail_holding


def out() -> Unavailable:
    return Unavailable("no route", Dependency.BUCKET)


def test_an_operation_is_tried_again_after_each_outage() -> None:
    answers: Iterator[Unavailable | str] = iter([out(), out(), "done"])
    waited: list[tuple[str, bool]] = []

    def operation() -> str:
        answer = next(answers)
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    assert outlasting(lambda error: waited.append((str(error), error.again)), operation) == "done"
    assert waited == [("no route", False), ("no route", True)]


@pytest.mark.parametrize("error", [out(), LeaseLost("somebody else has it")])
def test_what_the_wait_raises_ends_it(error: Exception) -> None:
    def operation() -> None:
        raise out()

    def outlast(_: Unavailable) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        outlasting(outlast, operation)
    assert caught.value is error


def test_what_the_operation_held_in_memory_isnt_held_in_the_meantime() -> None:
    held: list[weakref.ref[Pixels]] = []

    def operation() -> None:
        if held:
            return
        fail_holding(held, out())

    outlasting(lambda _: None if held[0]() is None else pytest.fail("the picture is still there"), operation)
    assert held
