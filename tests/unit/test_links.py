"""What README.md, docs/ and infra/ point to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "infra").glob("*.md"))]
ROOMS = "|".join(sorted(path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()))


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings."""
    headings = re.findall("^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?://)(.*?)\)", page.read_text()):
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_path_in_the_text_is_there(page: Path) -> None:
    for path in re.findall(rf"`((?:{ROOMS}|docs|infra|requirements)/[\w./-]*)`", page.read_text()):
        assert (ROOT / path).exists(), path


def test_these_checks_have_something_to_check() -> None:
    text = "".join(page.read_text() for page in PAGES)
    assert "docs/contract.md#5-settings" in text
    assert "`domain/pipeline.py`" in text
    assert "5-settings" in anchors(ROOT / "docs" / "contract.md")
