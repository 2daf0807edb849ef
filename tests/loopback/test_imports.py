"""A health check runs every few seconds, and is cheap."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["worker.run", "worker.probe", "worker.cli"])
def test_the_service_imports_nothing_of_the_desk(module: str) -> None:
    script = f"import sys, {module}; print(*(m for m in sys.modules if m in ('typer', 'rich', 'worker.desk')))"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == "\n"
