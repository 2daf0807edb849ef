"""Each test belongs to a ring of the Makefile, and the fast ring is fast."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()


def recipe(target: str) -> str:
    found = re.search(rf"^{re.escape(target)}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert found, target
    return found[1]


def markers() -> set[str]:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    return {line.partition(":")[0] for line in options["markers"]}


def test_make_test_runs_all_but_what_another_target_runs() -> None:
    (expression,) = re.findall(r'pytest .*-m "(.*)"', recipe("test"))
    left_out = [term.removeprefix("not ") for term in expression.split(" and ")]
    assert set(left_out) == markers()
    for marker in left_out:
        assert re.search(rf"-m {marker}$", recipe(f"test-{marker}"), re.MULTILINE), marker


@pytest.mark.parametrize("name", re.findall(r"^(\w+) := tests/", MAKEFILE, re.MULTILINE))
def test_a_ring_is_a_folder_with_tests_that_a_target_runs(name: str) -> None:
    (folder,) = re.findall(rf"^{name} := (\S+)$", MAKEFILE, re.MULTILINE)
    assert list((ROOT / folder).glob("test_*.py"))
    assert f"$({name})" in recipe("test-3.13") + recipe("fast")


def connect() -> None:
    with socket.socket() as ours:
        ours.connect(("127.0.0.1", 9))


def listen() -> None:
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", 0))


@pytest.mark.parametrize(
    "slow",
    [
        connect,
        listen,
        lambda: subprocess.run([sys.executable, "-V"]),
        lambda: Image.new("RGB", (1, 1)),
        lambda: Image.open("nowhere.jpg"),
    ],
)
def test_the_fast_ring_refuses_connections_processes_and_pictures(slow: Callable[[], object]) -> None:
    with pytest.raises(AssertionError, match="fast ring"):
        slow()
