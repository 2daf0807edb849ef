"""Every mutant still finds its place in the worker; that the soak catches them is for `make mutants`."""

from __future__ import annotations

import pytest

from tests.soak.mutants import MUTANTS, ROOT, Mutant, StaleMutant, mutated


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_applies_to_the_worker_as_it_is(mutant: Mutant) -> None:
    source = (ROOT / mutant.file).read_text()
    assert mutated(mutant, source) != source


def test_there_are_sixteen_of_different_names() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 16


@pytest.mark.parametrize("source", ["b = 1\n", "a = 1\na = 1\n"])
def test_a_mutant_whose_place_is_gone_or_not_the_only_one_is_stale(source: str) -> None:
    with pytest.raises(StaleMutant):
        mutated(Mutant("m", "f.py", "a = 1", "a = 2"), source)


def test_a_mutant_that_is_no_python_is_stale() -> None:
    with pytest.raises(StaleMutant):
        mutated(Mutant("m", "f.py", "a = 1", "a ="), "a = 1\n")
