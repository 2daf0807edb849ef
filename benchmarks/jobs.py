"""What a whole job costs a worker, and how long its cores wait for the bucket.

The photos are copies of one, and the message has no checksums of them. The latency is that of each request to S3;
the queue and the backend answer at once. What the server in memory uses is told apart, and is part of the bars.
"""

from __future__ import annotations

import json
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.aws_server import Count, aws_server
from benchmarks.figure import Figure
from benchmarks.processes import Look, cpu_between, watched
from benchmarks.thumbnails import photo
from devstack.aws import session, variables
from devstack.processes import Child, free_port
from devstack.receiver import Receiver
from worker.settings import usable_cpus

SECRET = "unused-unused-unused"
BUCKET = "bench"
LATENCIES = (0.0, 0.04, 0.1)
"""Seconds."""
SHOWN = 0.04
"""The latency at which requests and bytes are told: they are the same at the others."""
MOST_CPU, MOST_OWN_CPU = 90.0, 15.0
"""Milliseconds a photo: of all processes, and of the worker without its children, which do the pixels."""
MOST_REQUESTS = 7
CORES = usable_cpus()
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Load:
    """Jobs that are sent at once, of as many listings, and the photos of each."""

    jobs: int
    photos: int

    @property
    def all(self) -> int:
        return self.jobs * self.photos

    def __str__(self) -> str:
        return f"{self.jobs} job{'s' * (self.jobs > 1)} of {self.photos}"


LOADS = (Load(1, 30), Load(1, 200), Load(8, 10))
WARM_UP = Load(1, 4)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: what was seen of the processes, and what the server was asked for."""

    load: Load
    latency: float
    looks: list[Look]
    counts: Mapping[str, Count]

    @property
    def name(self) -> str:
        return f"{self.load}, {self.latency * 1000:.0f} ms"

    @property
    def whole(self) -> tuple[float, float]:
        """From the first message's sending to the last one's deletion."""
        return self.counts["SendMessage"].first, self.counts["DeleteMessage"].last

    @property
    def photos(self) -> tuple[float, float]:
        """From the first GET of an upload to the last PUT of a rendition."""
        return self.counts["GetObject raw"].first, self.counts["PutObject processed"].last

    @property
    def requests(self) -> float:
        """A photo's, without the lists, the journal and the bundle."""
        of_photos = [
            count.requests for name, count in self.counts.items() if name.endswith((" raw", " processed"))
        ]
        return sum(of_photos) / self.load.all


def measure() -> Iterator[Figure]:
    data = photo(4000, 3000)
    for load in LOADS:
        for latency in LATENCIES:
            yield from figures(run(load, latency, data))


def run(load: Load, latency: float, data: bytes) -> Measured:
    """Have a worker of its own do the jobs, after a small one that warms it up."""
    with aws_server() as (url, server), Receiver(SECRET) as receiver, tempfile.TemporaryDirectory() as scratch:
        session().client("s3", endpoint_url=url).create_bucket(Bucket=BUCKET)
        environment = {
            **variables(url), "QUEUE_URL": f"{url}/000000000000/queue", "MEDIA_BUCKET": BUCKET,
            "CALLBACK_URL": receiver.url, "CALLBACK_SECRET": SECRET, "HTTP_PORT": str(port := free_port()),
        }  # fmt: skip
        command = [sys.executable, "-m", "worker.cli", "run"]
        with Child(command, log=Path(scratch) / "worker.log", environment=environment) as worker:
            worker.wait_ready(f"http://127.0.0.1:{port}/livez", timeout=60)
            first, later = messages(url, WARM_UP, data, 1), messages(url, load, data, 1 + WARM_UP.jobs)
            tell(url, 0)
            send(url, first)
            worker.wait_ready(lambda: deleted(url) == len(first), timeout=300)
            tell(url, latency)
            with watched(worker.process.pid, server.process.pid) as looks:
                send(url, later)
                worker.wait_ready(lambda: deleted(url) == len(later), timeout=3600)
            counts = counted(url)
        statuses = [callback.payload["status"] for callback in receiver.acknowledged]
    if statuses != ["SUCCEEDED"] * (WARM_UP.jobs + load.jobs):
        raise AssertionError(f"{load}: the callbacks said {statuses}")
    return Measured(load, latency, looks, counts)


def figures(measured: Measured) -> Iterator[Figure]:
    name, photos = measured.name, measured.load.all
    first, last = measured.looks[0], measured.looks[-1]
    own, children = last.own - first.own, last.children - first.children
    small = photos == LOADS[0].all
    yield from waits(f"{name}: the whole", measured, measured.whole, (1.2, 10) if small else None)
    yield from waits(f"{name}: first GET to last PUT", measured, measured.photos, None if small else (1.15, 4))
    yield Figure(f"{name}: before the first GET", measured.photos[0] - measured.whole[0], "s")
    yield Figure(f"{name}: after the last PUT", measured.whole[1] - measured.photos[1], "s")
    yield Figure(f"{name}: CPU a photo", 1000 * (own + children) / photos, "ms", MOST_CPU)
    yield Figure(f"{name}: … without the children", 1000 * own / photos, "ms", MOST_OWN_CPU)
    yield Figure(f"{name}: … the server's, apart", 1000 * (last.server - first.server) / photos, "ms")
    yield Figure(
        f"{name}: memory of worker and children", max(s.resident for s in measured.looks) / MEGABYTE, "MB"
    )
    yield Figure(f"{name}: requests a photo", measured.requests, "", MOST_REQUESTS)
    if measured.latency == SHOWN:
        yield from by_operation(measured)


def waits(
    name: str, measured: Measured, span: tuple[float, float], allowed: tuple[float, int] | None
) -> Iterator[Figure]:
    """How long it took, and how busy the cores were.

    `allowed`: how much more than the cores are busy, and how many requests on top; without a latency, no limit.
    """
    seconds, busy = span[1] - span[0], cpu_between(measured.looks, *span) / CORES
    limit = None
    if allowed and measured.latency:
        limit = round(allowed[0] * busy + allowed[1] * measured.latency, 2)
    yield Figure(name, seconds, "s", limit)
    yield Figure(f"{measured.name}: … cores busy", 100 * busy / seconds, "%")


def by_operation(measured: Measured) -> Iterator[Figure]:
    photos = measured.load.all
    for operation, count in sorted(measured.counts.items(), key=lambda item: item[1].first):
        if "Message" not in operation:
            yield Figure(f"{measured.name}: {operation}", count.requests / photos, "/photo")
            if (moved := (count.received + count.sent) / photos) >= 1000:
                yield Figure(f"{measured.name}: {operation}, bytes", moved / 1000, "kB/photo")


def messages(url: str, load: Load, data: bytes, first: int) -> list[dict[str, Any]]:
    """Upload the photos of as many listings, from this number on; returns the messages' bodies."""
    s3 = session().client("s3", endpoint_url=url)
    s3.put_object(Bucket=BUCKET, Key="photo.jpg", Body=data, ContentType="image/jpeg")
    bodies = []
    for listing in range(first, first + load.jobs):
        keys = [f"{listing}/raw/photo/horizontal/{number:04}.jpg" for number in range(load.photos)]
        for key in keys:
            s3.copy_object(Bucket=BUCKET, Key=key, CopySource={"Bucket": BUCKET, "Key": "photo.jpg"})
        bodies.append({"jobId": listing, "listingId": listing, "assets": keys})
    return bodies


def send(url: str, bodies: list[dict[str, Any]]) -> None:
    sqs = session().client("sqs", endpoint_url=url)
    for body in bodies:
        sqs.send_message(QueueUrl=f"{url}/000000000000/queue", MessageBody=json.dumps(body))


def tell(url: str, latency: float) -> None:
    """Have the server wait so many seconds at each request, and count anew."""
    asked = urllib.request.Request(f"{url}/-/latency?seconds={latency}", method="PUT")
    urllib.request.urlopen(asked).close()


def counted(url: str) -> dict[str, Count]:
    with urllib.request.urlopen(f"{url}/-/counts") as answer:
        return {name: Count(**values) for name, values in json.load(answer).items()}


def deleted(url: str) -> int:
    return counted(url).get("DeleteMessage", Count()).requests


if __name__ == "__main__":
    for figure in measure():
        print(figure.row(), flush=True)
