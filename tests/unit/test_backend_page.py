"""docs/backend.md shows the programs of docs/backend/ as they are, and says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.backend import TRY_SECONDS
from adapters.endpoint import CONNECT_SECONDS
from adapters.message import parse_message
from domain import keys
from domain.errors import Code
from domain.kinds import AssetType, Size
from domain.model import Asset, Job, JobKind, Manifest, Status
from domain.queue import Message
from domain.settlement import retry_delay

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "backend.md").read_text()
PROGRAMS = sorted((DOCS / "backend").iterdir())
PHOTO = "28/raw/photo/horizontal/3f6c.jpg"


def shown(language: str) -> list[str]:
    """The page's blocks in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("language", "suffix"), [("go", ".go"), ("ts", ".ts"), ("python", ".py")])
def test_the_page_shows_each_program_and_no_other(language: str, suffix: str) -> None:
    programs = [path.read_text() for path in PROGRAMS if path.suffix == suffix]
    assert programs
    assert sorted(shown(language)) == sorted(programs)


def test_every_block_is_in_a_language_that_is_checked() -> None:
    assert set(re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)) == {"json", "go", "ts", "python", "sql"}
    assert {path.suffix for path in PROGRAMS} == {".go", ".ts", ".py"}


def test_its_messages_are_read_as_the_jobs_that_they_stand_for() -> None:
    jobs = [parse_message(Message("m", "handle", body, 1, {})) for body in shown("json")]
    assets = (
        Asset(PHOTO, "PHOTO_HORIZONTAL", Manifest(size=5242880)),
        Asset("28/raw/video/vertical/77aa.mov", "VIDEO_VERTICAL"),
    )
    assert jobs == [
        Job(21, 28, "m", assets),
        Job(22, 28, "m", (Asset(PHOTO),), kind=JobKind.FINALIZE),
        Job(23, 28, "m", (), kind=JobKind.FINALIZE),
    ]


def test_it_says_what_to_do_on_each_status_and_code() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted([*Status, *Code])


def test_its_derived_keys_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `(28/raw/.*?)` \| `(28/processed/.*?)` \|$", PAGE, re.MULTILINE)
    assert len(rows) == 5
    for upload, derivative in rows:
        raw = keys.parse_raw(upload, 28)
        kind = AssetType(raw.media.upper().replace("/", "_")).kind
        assert derivative in {keys.derived(raw, kind, size) for size in Size}


def test_its_times_are_those_of_the_code() -> None:
    assert f"**Answer within {TRY_SECONDS - CONNECT_SECONDS} s**" in PAGE
    delays = ", ".join(str(retry_delay(receive, jitter=0)) for receive in range(1, 5))
    assert f"comes back after about {delays} s" in PAGE
