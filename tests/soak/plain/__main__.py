"""`python -m tests.soak.plain --node FOLDER --celery PYTHON`: the same faults to us and to plain consumers.

Prints a Markdown table. Ends with 2 where something isn't installed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from devstack.moto import moto_server
from tests.soak.plain.cell import play
from tests.soak.plain.consumers import Consumer, celery, missing, ours, sqs_consumer
from tests.soak.plain.counting import Counts
from tests.soak.plain.rows import ROWS, Row

SIDE_BY_SIDE = 9
"""Cells at a time: most of them wait."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.plain", description=__doc__)
    parser.add_argument("--node", type=Path, help="a node_modules folder with sqs-consumer and the AWS SDK")
    parser.add_argument("--celery", type=Path, help="the Python of a virtual environment with celery[sqs]")
    parser.add_argument("--only", default="", help="the rows with this in their name")
    options = parser.parse_args()
    if lacking := list(missing(options.node, options.celery)):
        print("\n".join(lacking), file=sys.stderr)
        return 2
    scratch = Path(tempfile.mkdtemp(prefix="plain-"))
    consumers = [ours(), sqs_consumer(options.node, scratch), celery(options.celery)]
    print(f"the consumers' logs are in {scratch}", flush=True)
    print(_line("fault", *(consumer.name for consumer in consumers)), "\n|---|---|---|---|", sep="", flush=True)
    rows = [row for row in ROWS if options.only in row.name]
    with moto_server() as endpoint, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:

        def cell(row: Row, consumer: Consumer) -> Counts:
            counts = play(row, consumer, endpoint, Path(tempfile.mkdtemp(dir=scratch)))
            sys.stderr.write(f"{row.name}: {consumer.name}: {counts}\n")  # one write, or two lines may mix
            return counts

        table = [(row, [pool.submit(cell, row, consumer) for consumer in consumers]) for row in rows]
        try:
            for row, cells in table:
                print(_line(row.name, *(each.result() for each in cells)), flush=True)
        finally:
            pool.shutdown(cancel_futures=True)
    return 0


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
