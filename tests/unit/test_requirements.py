from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKED = sorted(path.name for path in (ROOT / "requirements").glob("*.txt"))


def test_there_is_a_lock_file_for_each_use() -> None:
    assert LOCKED == ["dev.txt", "localstack.txt", "run.txt"]


@pytest.mark.parametrize("name", LOCKED)
def test_every_version_is_locked_with_its_hashes_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    pins = [block for block in re.split(r"\n(?=\S)", text) if not block.startswith("#")]
    assert pins
    for pin in pins:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z0-9,_-]+\])?==\S+", pin), pin
        assert "--hash=sha256:" in pin, pin
    assert "://" not in text
    assert "index" not in text


def test_the_image_and_the_makefile_install_nothing_without_hashes() -> None:
    for name in ("Dockerfile", "Makefile"):
        for line in (ROOT / name).read_text().splitlines():
            if "pip install" in line and "pip compile" not in line:
                assert "--require-hashes" in line or "--no-deps" in line, line
