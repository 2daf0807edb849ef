#!/usr/bin/env python3
"""Run a command of this checkout in a clean room, then look for what it left behind.

    .ci/clean_room.py fail COMMAND...   fails, too, if the checkout is dirty or a process still lives
    .ci/clean_room.py list COMMAND...   only names what was left behind

HOME, XDG_CACHE_HOME and TMPDIR are new and empty. Where Linux grants a mount namespace (to root, as a rule), so
are /tmp and the folders of /var/lib that belong to no Debian package: there services keep what outlives them.
PIP_CACHE_DIR and UV_CACHE_DIR hand package caches in.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

CLONE_NEWNS = 0x00020000
PR_SET_CHILD_SUBREAPER = 36
GRACE = 2.0
"""Seconds that the command's processes may outlive it."""

LIBC = ctypes.CDLL(None)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) < 2 or arguments[0] not in ("fail", "list"):
        sys.exit(__doc__)
    mode, *command = arguments
    checkout = Path.cwd()
    # Not in /tmp, which is about to be covered.
    with tempfile.TemporaryDirectory(prefix="clean-room-", dir="/var/tmp", ignore_cleanup_errors=True) as name:
        room = Path(name)
        covered = list(cover(room, checkout))
        say("new and empty", ["HOME", "XDG_CACHE_HOME", "TMPDIR", *map(str, covered)])
        marker = room / "entered"
        environment = furnish(room)
        marker.touch()
        just_before = time.time_ns() - 20_000_000  # a file system's clock may tick as rarely
        os.utime(marker, ns=(just_before, just_before))
        status = run(command, environment)
        alive, dirty = survivors(), changes(checkout)
        say("written elsewhere", written_since(marker, [room, checkout, *covered, *caches()]))
        say("the checkout is dirty", dirty)
        say("still alive", alive)
    return status or int(mode == "fail" and bool(alive or dirty))


def say(what: str, names: Sequence[str]) -> None:
    for name in names:
        print(f"clean room: {what}: {name}", file=sys.stderr, flush=True)


def cover(room: Path, checkout: Path) -> Iterator[Path]:
    """Mount new folders over /tmp and the services' folders, for this process and its children alone."""
    if LIBC.unshare(CLONE_NEWNS) != 0:
        return
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    owned = packaged()
    services = [folder for folder in Path("/var/lib").iterdir() if str(folder) not in owned] if owned else []
    for folder in [Path("/tmp"), *services]:
        if folder.is_dir() and not folder.is_symlink() and not checkout.is_relative_to(folder):
            new = room / folder.relative_to("/")
            new.mkdir(parents=True)
            new.chmod(folder.stat().st_mode)
            subprocess.run(["mount", "--bind", new, folder], check=True)
            yield folder


def furnish(room: Path) -> dict[str, str]:
    """The command's environment, with its own folders in the room."""
    folders = {"HOME": room / "home", "XDG_CACHE_HOME": room / "cache", "TMPDIR": room / "tmp"}
    for folder in folders.values():
        folder.mkdir(exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    return inherited | {name: str(folder) for name, folder in folders.items()}


def run(command: list[str], environment: dict[str, str]) -> int:
    """The command's exit status, as a shell gives it. Its orphans become this process's children."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = os.posix_spawnp(command[0], command, environment)
    while True:
        process, status = os.wait()
        if process == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def survivors() -> list[str]:
    """The command's processes that outlive it by more than `GRACE`."""
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.05)
        except ChildProcessError:
            return []
    return descendants(os.getpid())


def descendants(ancestor: int) -> list[str]:
    parents, commands = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            process = int(folder.name)
            parents[process] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            commands[process] = (folder / "cmdline").read_text().replace("\0", " ").strip()
    family = [ancestor]
    for member in family:
        family += [process for process, parent in parents.items() if parent == member]
    return [f"{process} {commands[process]}" for process in family[1:]]


def changes(checkout: Path) -> list[str]:
    git = ["git", "-c", "safe.directory=*", "--no-optional-locks", "status", "--porcelain"]
    return subprocess.run(git, cwd=checkout, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def caches() -> list[Path]:
    return [Path(os.environ[name]) for name in ("PIP_CACHE_DIR", "UV_CACHE_DIR") if os.environ.get(name)]


def written_since(marker: Path, excused: Sequence[Path]) -> list[str]:
    """What changed on the root file system, without what a Debian package brought."""
    pruned = [part for path in ["/proc", "/sys", "/dev", *excused] for part in ("-path", str(path), "-o")]
    find = ["find", "/", "-xdev", "(", *pruned[:-1], ")", "-prune", "-o", "-cnewer", str(marker), "-print0"]
    output = subprocess.run(find, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    owned = packaged()
    found = [path for path in output.split("\0") if path and not {path, path.removeprefix("/usr")} & owned]
    # A folder changes with what it holds: only the innermost says something.
    return sorted(set(found) - {str(folder) for path in found for folder in Path(path).parents})


def packaged() -> set[str]:
    """The paths on dpkg's lists, which name some of /usr without it."""
    lists = Path("/var/lib/dpkg/info").glob("*.list")
    return {line for each in lists for line in each.read_text().splitlines()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
