from __future__ import annotations

from collections.abc import Callable

import pytest

from worker import cli

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `media-worker` with these arguments; the exit status, standard output and standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run
