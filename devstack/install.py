"""Installs what a lock file names, and says how far it is: `python -m devstack.install requirements/dev.txt`.

It runs before anything is installed, and pip itself is silent for a minute.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

EVERY = 10
"""Packages from one line to the next."""
LOOK_EVERY = 0.5
"""Seconds."""


def main(lock: str) -> int:
    """pip's exit status; what it complains of goes to stderr."""
    total = sum("==" in line for line in Path(lock).read_text(encoding="utf-8").splitlines())
    print(
        f"About {total} packages are fetched and installed into {sys.prefix}: a minute or two, the first time",
        flush=True,
    )
    command = [sys.executable, "-m", "pip", "install", "--progress-bar=off", "--disable-pip-version-check"]
    with subprocess.Popen([*command, "--require-hashes", "-r", lock], stdout=subprocess.PIPE, text=True) as pip:
        assert pip.stdout
        told("fetched", fetched(pip.stdout))
        told("installed", installed(pip))
    return pip.returncode


def told(what: str, counts: Iterable[int]) -> None:
    """Say every tenth count, as soon as it is reached."""
    said = 0
    for count in counts:
        if count >= said + EVERY:
            said = count
            print(f"{count:5} are {what}", flush=True)


def fetched(lines: Iterable[str]) -> Iterator[int]:
    """One more for each package that pip collects, until it installs them."""
    count = 0
    for line in lines:
        if line.startswith("Collecting "):
            count += 1
            yield count
        elif line.startswith("Installing "):
            return


def installed(pip: subprocess.Popen[str]) -> Iterator[int]:
    """How many packages there are, again and again until pip ends: it doesn't say."""
    site = Path(sysconfig.get_path("purelib"))
    while pip.poll() is None:
        yield len(list(site.glob("*.dist-info")))
        time.sleep(LOOK_EVERY)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
