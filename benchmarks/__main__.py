"""Measures everything, prints a row for each figure, and fails where a limit is missed."""

from __future__ import annotations

import sys

from benchmarks import dead_letters, idle, memory, placeholder, thumbnails, waiting


def main() -> int:
    if sys.platform != "linux":
        sys.exit("make bench reads /proc: it needs Linux")
    missed = False
    for module in (thumbnails, placeholder, memory, idle, waiting, dead_letters):
        for figure in module.measure():
            print(figure.row(), flush=True)
            missed |= figure.missed
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
