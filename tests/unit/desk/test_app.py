"""What all commands have in common."""

from __future__ import annotations

import pytest

from tests.unit.desk.conftest import Command

ALL = (
    ("check",),
    ("enqueue",),
    ("replay",),
    ("verify",),
    ("dlq", "ls"),
    ("dlq", "show"),
    ("dlq", "requeue"),
    ("dlq", "drop"),
    ("job",),
)
"""Every command of typer's; a test of the help compares it."""


def test_the_help_names_every_command(command: Command) -> None:
    status, said, _ = command("--help")
    assert status == 0
    named = [line.split()[0] for line in said.partition("Commands:\n")[2].splitlines()]
    assert set(named) == {"run", "health"} | {words[0] for words in ALL}


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_each_help_has_an_example(command: Command, words: tuple[str, ...]) -> None:
    status, said, _ = command(*words, "--help")
    assert status == 0
    assert f"Example: media-worker {' '.join(words)} " in said


@pytest.mark.parametrize("arguments", [("frob",), ("verify", "--frob"), ()])
def test_a_mistake_is_one_line_with_what_to_do(command: Command, arguments: tuple[str, ...]) -> None:
    status, _, error = command(*arguments)
    assert status == 2
    assert error.count("\n") == 1
    assert "--help" in error


@pytest.mark.parametrize("words", [(), ("run",), ("health",), *ALL])
def test_the_version_is_told_everywhere(command: Command, words: tuple[str, ...]) -> None:
    assert command(*words, "--version")[0] == 0
