"""The table of the commands, and how they end."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import structlog
import typer
from typer.exceptions import TyperException

from domain.errors import MediaError
from worker.desk.check import check
from worker.desk.dlq import ls, show
from worker.desk.dlq_settle import drop, requeue
from worker.desk.enqueue import enqueue, replay
from worker.desk.errors import DeskError
from worker.desk.job import job
from worker.desk.verify import verify
from worker.settings import BadSettings

PROGRAM = "media-worker"
FAILED, MISUSED = 1, 2
CTRL_C = 130
"""What typer makes of it."""
ENDS = (signal.SIGHUP, signal.SIGTERM)
"""What a lost terminal and the end of a task send."""


def main(arguments: Sequence[str], others: Mapping[str, str]) -> int:
    """Run a command; returns the exit status. `others` are commands and what they do, for the help alone."""
    try:
        with _quiet(), _ended_like_ctrl_c():
            status: Any = _app(others)(arguments, standalone_mode=False, prog_name=PROGRAM)
    except TyperException as error:
        return _fail(f"{_described(error)}; see {_path(error)} --help", MISUSED)
    except BadSettings as error:
        return _fail(str(error), MISUSED)
    except (DeskError, MediaError) as error:
        return _fail(str(error), FAILED)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", FAILED)
    if status == CTRL_C:
        return _fail("interrupted", FAILED)
    return status if isinstance(status, int) else 0


@contextmanager
def _quiet() -> Iterator[None]:
    """Without log lines: what a command has to say, it says itself."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """Have the signals that end a command raise KeyboardInterrupt: once, for a lost terminal sends several."""
    heeded = {number: old for number in ENDS if (old := signal.getsignal(number)) != signal.SIG_IGN}

    def end(_number: int, _frame: FrameType | None) -> None:
        for number in heeded:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in heeded:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, old in heeded.items():
            signal.signal(number, old)


def _app(others: Mapping[str, str]) -> typer.Typer:
    options: dict[str, Any] = {
        "rich_markup_mode": None,
        "pretty_exceptions_enable": False,
        "add_completion": False,
    }
    app = typer.Typer(help="Processes a listing's uploads.", **options)
    for name, what in others.items():
        app.command(name, help=what)(lambda: None)
    app.command()(check)
    app.command()(enqueue)
    app.command()(replay)
    app.command()(verify)
    app.add_typer(_dlq(options), name="dlq")
    app.command()(job)
    return app


def _dlq(options: Mapping[str, Any]) -> typer.Typer:
    dlq = typer.Typer(help="Looks at the dead-letter queue, and empties it.", **options)
    for command in (ls, show, requeue, drop):
        dlq.command()(command)
    return dlq


def _described(error: TyperException) -> str:
    described: str = error.format_message()
    return described.rstrip(".")


def _path(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if context else PROGRAM


def _fail(why: str, status: int) -> int:
    typer.echo(f"{PROGRAM}: {why}", err=True)
    return status
