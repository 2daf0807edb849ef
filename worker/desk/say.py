"""What a command prints: tables and colours for people, one JSON value for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console, RenderableType

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of text.")]


def say(as_json: bool, value: object, text: Callable[[], RenderableType]) -> None:
    """Print the value as JSON, or else the text; colours only where a terminal reads them."""
    if as_json:
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        Console(highlight=False, soft_wrap=True, emoji=False, markup=False).print(text())
