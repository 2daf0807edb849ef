"""What the demo says and refuses before it starts anything, and what it says at its end."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import demo
from devstack.demo_output import OutputError, emptied
from devstack.demo_words import farewell
from devstack.exhibits import Exhibit, Picture
from devstack.folder import FolderError, media_files
from devstack.install import fetched, told
from devstack.progress import entries


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """What an earlier demo left."""
    folder = tmp_path / "demo-output"
    (folder / "bucket").mkdir(parents=True)
    (folder / "bucket" / "a.jpg").touch()
    (folder / "callback.json").touch()
    return folder


@pytest.fixture(autouse=True)
def _nothing_starts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse() -> None:
        raise demo.DemoError("it would start now")

    monkeypatch.setattr(demo, "moto_server", refuse)
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


def test_a_folder_that_is_not_there_costs_no_earlier_output(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main(["--media", "typo", "--output", str(output)]) == 1
    assert "typo is no folder" in capsys.readouterr().err
    assert (output / "bucket" / "a.jpg").exists()


def test_an_earlier_output_is_deleted_once_the_demo_can_start(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main(["--output", str(output)]) == 1
    assert "it would start now" in capsys.readouterr().err
    assert list(output.iterdir()) == []


def test_a_tilde_that_the_shell_left_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "a.jpg").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert demo.main(["--media", "~/flat", "--output", "~/out"]) == 1
    assert "it would start now" in capsys.readouterr().err
    assert (tmp_path / "out").is_dir()


def test_a_second_demo_is_refused_while_the_first_one_writes(output: Path) -> None:
    with emptied(output, None):
        (output / "callback.json").touch()
        with (
            pytest.raises(OutputError, match=r"another demo writes to .*OUTPUT=") as refused,
            emptied(output, None),
        ):
            pass
        assert str(output) in str(refused.value)
        assert (output / "callback.json").exists()
    with emptied(output, None):
        assert list(output.iterdir()) == []


def test_media_in_the_output_folder_are_not_deleted(output: Path) -> None:
    for media in (output, output / "bucket"):
        with pytest.raises(OutputError, match="which is emptied first"), emptied(output, media):
            pass
    assert (output / "bucket" / "a.jpg").exists()


def test_what_no_demo_wrote_is_not_deleted(output: Path) -> None:
    (output / "callback.json").unlink()
    with pytest.raises(OutputError, match="not the output of an earlier demo"), emptied(output, None):
        pass
    assert (output / "bucket" / "a.jpg").exists()


def test_a_link_is_deleted_and_not_followed(output: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "a.jpg").touch()
    (output / "link").symlink_to(mine)
    with emptied(output, None):
        assert list(output.iterdir()) == []
    assert (mine / "a.jpg").exists()


def test_an_output_that_is_a_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is no folder that can be written"), emptied(tmp_path / "file", None):
        pass


def test_a_folder_that_the_system_keeps_closed_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> Iterator[Path]:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(FolderError, match="can't be read: Operation not permitted"):
        media_files(tmp_path)


def shown(name: str, error_code: str = "") -> Exhibit:
    return Exhibit(name, "photo", Picture(f"bucket/{name}", 9), {}, error_code, "")


def test_the_demo_says_what_was_meant_to_fail_where_the_page_is_and_what_to_try_next(tmp_path: Path) -> None:
    assets = [shown("a.jpg"), shown("broken.jpg", "X"), shown("own.jpg", "X")]
    text = farewell("PARTIAL_SUCCESS", assets, {"broken.jpg"}, tmp_path / "my demo")
    assert text.startswith("Status PARTIAL_SUCCESS: 1 of 3 assets are processed.\nbroken.jpg is meant to fail")
    assert text.count("meant to fail") == 1
    assert f"file://{tmp_path}/my%20demo/index.html" in text
    assert "make demo MEDIA=" in text


def test_a_log_is_read_without_what_is_no_event(tmp_path: Path) -> None:
    log, started = tmp_path / "worker.log", {"event": "started", "timestamp": "2026-01-05T12:00:00Z"}
    metrics = {"event": "metrics", "_aws": {"Timestamp": 1}}
    log.write_text("\n".join(["Traceback", "{1: 2}", "3", json.dumps(metrics), json.dumps(started)]))
    assert entries(log) == [started]


def test_installing_says_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"Collecting p{number}" for number in range(25)]
    lines = [line for pair in zip(lines, ["  Downloading p"] * 25, strict=True) for line in pair]
    told("fetched", fetched([*lines, "Installing collected packages: p0, p1", "Collecting nothing"]))
    assert capsys.readouterr().out.split() == ["10", "are", "fetched", "20", "are", "fetched"]
