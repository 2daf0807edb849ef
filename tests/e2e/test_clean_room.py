"""What CI starts in, and what it looks for afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.linux import LINUX_ONLY

pytestmark = LINUX_ONLY
ROOT = Path(__file__).parents[2]
FOLDERS = ("HOME", "XDG_CACHE_HOME", "TMPDIR")
LEFT_ALIVE = "setsid env -i /bin/sleep 300 >/dev/null 2>&1 & echo $!"


def enter(checkout: Path, mode: str, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / ".ci" / "clean_room.py", mode, "sh", "-c", script],
        cwd=checkout,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """An empty one."""
    folder = tmp_path / "checkout"
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    (folder / ".git" / "info" / "exclude").write_text("ignored\n")
    return folder


@pytest.fixture(scope="module")
def mounts() -> None:
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace can be had")


def test_a_run_sees_nothing_of_an_earlier_one(checkout: Path, tmp_path: Path) -> None:
    lying_about = tmp_path / "lying-about"
    lying_about.mkdir()
    (lying_about / "certificate").touch()
    script = (
        'echo "$HOME $XDG_CACHE_HOME $TMPDIR"; find "$HOME" "$XDG_CACHE_HOME" "$TMPDIR" -mindepth 1; touch ignored'
    )
    ended = enter(checkout, "fail", script, **dict.fromkeys((*FOLDERS, "XDG_CONFIG_HOME"), str(lying_about)))
    assert ended.returncode == 0
    (names,) = ended.stdout.splitlines()
    assert len(set(names.split())) == 3
    assert not any(Path(name).exists() for name in names.split())


def test_tmp_and_the_folders_of_services_are_empty(mounts: None) -> None:
    if ROOT.is_relative_to("/tmp"):
        pytest.skip("a checkout in /tmp can't be run without it")
    ended = enter(
        ROOT, "list", "ls -A /tmp; touch /tmp/of-the-run; [ ! -e /var/lib/dpkg ] || ls /var/lib/dpkg/status"
    )
    assert ended.returncode == 0
    assert ended.stdout in ("", "/var/lib/dpkg/status\n")
    assert "new and empty: /tmp\n" in ended.stderr
    assert not Path("/tmp/of-the-run").exists()


def test_a_process_that_lives_on_fails_the_run(checkout: Path) -> None:
    ended = enter(checkout, "fail", LEFT_ALIVE)
    os.kill(int(ended.stdout), signal.SIGKILL)
    assert f"still alive: {int(ended.stdout)} /bin/sleep 300\n" in ended.stderr
    assert ended.returncode == 1


def test_a_dirty_checkout_fails_the_run(checkout: Path) -> None:
    ended = enter(checkout, "fail", "touch forgotten")
    assert "the checkout is dirty: ?? forgotten\n" in ended.stderr
    assert ended.returncode == 1


def test_a_person_is_only_told(checkout: Path) -> None:
    ended = enter(checkout, "list", f"touch forgotten; {LEFT_ALIVE}")
    os.kill(int(ended.stdout), signal.SIGKILL)
    assert "still alive: " in ended.stderr
    assert "?? forgotten" in ended.stderr
    assert ended.returncode == 0


def test_a_failing_command_fails_the_run_and_what_it_wrote_elsewhere_is_named(
    checkout: Path, tmp_path: Path
) -> None:
    if tmp_path.stat().st_dev != Path("/").stat().st_dev:
        pytest.skip("only the root file system is searched")
    ended = enter(checkout, "list", f"touch {tmp_path}/elsewhere; exit 3")
    assert f"written elsewhere: {tmp_path}/elsewhere\n" in ended.stderr
    assert ended.returncode == 3
