"""The table of the commands, and how they end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer
from typer.exceptions import TyperException

from domain.errors import MediaError
from worker.desk.check import check
from worker.desk.errors import DeskError
from worker.desk.verify import verify
from worker.settings import BadSettings

PROGRAM = "media-worker"
FAILED, MISUSED = 1, 2


def main(arguments: Sequence[str], others: Mapping[str, str]) -> int:
    """Run a command; returns the exit status. `others` are commands and what they do, for the help alone."""
    try:
        status: Any = _app(others)(arguments, standalone_mode=False, prog_name=PROGRAM)
    except TyperException as error:
        return _fail(f"{_described(error)}; see {_path(error)} --help", MISUSED)
    except BadSettings as error:
        return _fail(str(error), MISUSED)
    except (DeskError, MediaError) as error:
        return _fail(str(error), FAILED)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", FAILED)
    return status if isinstance(status, int) else 0


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
    app.command()(verify)
    return app


def _described(error: TyperException) -> str:
    described: str = error.format_message()
    return described.rstrip(".")


def _path(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if context else PROGRAM


def _fail(why: str, status: int) -> int:
    typer.echo(f"{PROGRAM}: {why}", err=True)
    return status
