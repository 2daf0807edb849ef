"""A fake that nothing holds to the real adapter drifts away from it."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__)
EXCUSED = {
    "FakeUpload",  # made by FakeObjects.replace, and held with it
}


def test_each_fake_goes_through_a_suite_of_this_folder() -> None:
    fakes = re.findall(r"^class (Fake\w+)", (HERE.parents[1] / "fakes.py").read_text(), re.MULTILINE)
    suites = "".join(file.read_text() for file in HERE.parent.glob("test_*.py") if file != HERE)
    assert {fake for fake in fakes if f"{fake}(" not in suites} == EXCUSED
