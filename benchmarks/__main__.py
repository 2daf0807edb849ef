"""Measures everything, prints a row for each figure, and fails where a limit is missed."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from benchmarks import (
    bundles,
    children,
    dead_letters,
    formats,
    idle,
    jobs,
    memory,
    placeholder,
    thumbnails,
    waiting,
)


def main() -> int:
    if sys.platform != "linux":
        sys.exit("make bench reads /proc: it needs Linux")
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--node", type=Path, help="a node_modules folder with sharp, which is measured, too")
    of_formats = partial(formats.measure, parser.parse_args().node)
    missed = False
    for measure in (
        thumbnails.measure, of_formats, children.measure, placeholder.measure, memory.measure, bundles.measure,
        idle.measure, waiting.measure, dead_letters.measure, jobs.measure,
    ):  # fmt: skip
        for figure in measure():
            print(figure.row(), flush=True)
            missed |= figure.missed
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
