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

COLUMNS = (
    "fault", "consumer", "done", "lost", "given up", "left", "contradicted", "told twice", "made twice",
    "lay still, s", "the bad message",
)  # fmt: skip


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
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|", flush=True)
    rows = [row for row in ROWS if options.only in row.name]
    with moto_server() as endpoint, ThreadPoolExecutor(len(consumers)) as pool:
        for number, row in enumerate(rows):
            rooms = [scratch / f"{number}-{consumer.name.replace(' ', '-')}" for consumer in consumers]
            for room in rooms:
                room.mkdir()
            cells = pool.map(lambda consumer, room, row=row: play(row, consumer, endpoint, room), consumers, rooms)
            for consumer, counts in zip(consumers, cells, strict=True):
                print(_line(row, consumer, counts), flush=True)
    return 0


def _line(row: Row, consumer: Consumer, counts: Counts) -> str:
    figures = (
        counts.done, counts.lost, counts.given_up, counts.left, counts.contradicted, counts.twice, counts.again,
        f"{counts.still:.0f}", counts.bad,
    )  # fmt: skip
    return f"| {row.name} | {consumer.name} | {' | '.join(map(str, figures))} |"


if __name__ == "__main__":
    sys.exit(main())
