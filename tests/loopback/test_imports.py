"""A health check runs every few seconds, and is cheap."""

from __future__ import annotations

import subprocess
import sys

import pytest


# structlog imports rich by itself, where it is installed
@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("worker.run", "typer worker.desk"),
        ("worker.probe", "typer worker.desk rich"),
        ("worker.cli", "typer rich"),
    ],
)
def test_the_service_imports_nothing_of_the_desk(module: str, unwanted: str) -> None:
    script = f"import sys, {module}; print(*sys.modules.keys() & set({unwanted!r}.split()))"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == "\n"
