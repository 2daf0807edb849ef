"""Bundles that a real worker writes, unpacked with the tools that there are."""

from __future__ import annotations

import os
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest

from tests.e2e.world import World, jpeg

HARD_NAMES = [
    "CON.jpg", "Haus.jpg", "haus.jpg", "HAUS.JPG", "Caf\u00e9.jpg", "Cafe\u0301.jpg", "what?.jpg", "a:b.jpg",
    "a\\b.jpg", "plan.", "plan ", "plan", "plan/second.jpg", "Plan/third.jpg",
    "ü" * 150 + ".jpeg", "ü" * 150 + "2.jpeg",
]  # fmt: skip


@pytest.mark.parametrize("tool", ["unzip", "bsdtar", "7z"])
def test_a_bundle_of_hard_names_is_unpacked_whole(world: World, tmp_path: Path, tool: str) -> None:
    """bsdtar, as macOS has it, unpacks both Unicode forms of a name as one."""
    command = shutil.which(tool)
    if command is None:
        pytest.skip(f"there is no {tool}")
    expected = {
        world.read(world.upload(f"28/processed/project/doc/original/{name}", f"this is {name}".encode()))
        for name in HARD_NAMES
    }
    key = world.upload("28/raw/photo/horizontal/a.jpg", jpeg())
    with world.worker():
        world.enqueue({"jobId": 21, "listingId": 28, "assets": [key]})
        world.receiver.wait_for(1)
        world.wait_until_settled()
    (tmp_path / "bundle.zip").write_bytes(world.read("28/processed/zip/28.zip"))
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    arguments = {"unzip": ["-q"], "bsdtar": ["-xf"], "7z": ["x"]}[tool]
    subprocess.run(
        [command, *arguments, str(tmp_path / "bundle.zip")],
        cwd=unpacked,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        check=True,
        capture_output=True,
    )
    unpacked_files = [file for file in unpacked.rglob("*") if file.is_file()]
    files = {nfc(str(file.relative_to(unpacked))): file.read_bytes() for file in unpacked_files}
    with world.bundle(28) as archive:
        assert files == {nfc(name): archive.read(name) for name in archive.namelist()}
    documents = {data for name, data in files.items() if name.startswith("project/")}
    assert documents == expected
    assert len({nfc(name.casefold()) for name in files}) == len(HARD_NAMES) + 4


def nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)
