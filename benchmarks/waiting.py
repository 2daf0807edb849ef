"""What a process costs whose jobs only wait for videos."""

from __future__ import annotations

import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.idle import cpu_seconds, resources
from devstack.aws import session, variables
from devstack.clips import clip
from devstack.mediaconvert import MediaConvertEmulator
from devstack.moto import moto_server
from devstack.processes import Child, free_port, memory
from devstack.sample import enqueue

JOBS = 200
SECONDS = 60.0
MEGABYTE = 1_000_000


def measure() -> Iterator[Figure]:
    with moto_server() as endpoint, tempfile.TemporaryDirectory() as scratch:
        s3 = session().client("s3", endpoint_url=endpoint)
        with MediaConvertEmulator(s3) as transcoder:
            transcoder.hold()
            port = free_port()
            environment = {
                **variables(endpoint), **resources(endpoint), "HTTP_PORT": str(port),
                "MEDIACONVERT_ROLE_ARN": "arn:aws:iam::000000000000:role/any",
                "AWS_ENDPOINT_URL_MEDIACONVERT": transcoder.url,
            }  # fmt: skip
            command = [sys.executable, "-m", "worker.cli", "run"]
            with Child(command, log=Path(scratch) / "worker.log", environment=environment) as worker:
                worker.wait_ready(f"http://127.0.0.1:{port}/livez", timeout=30)
                time.sleep(2)
                idle = memory("VmRSS", worker.process.pid)
                video = clip(Path(scratch) / "clip.mp4", (320, 180), seconds=1, sound=False).read_bytes()
                send(endpoint, environment["QUEUE_URL"], video)
                worker.wait_ready(lambda: waiting(port) == JOBS, timeout=300)
                cpu, asked = cpu_seconds(worker.process.pid), transcoder.calls.count("GetJob")
                time.sleep(SECONDS)
                cpu = cpu_seconds(worker.process.pid) - cpu
                asked = transcoder.calls.count("GetJob") - asked
                total = memory("VmRSS", worker.process.pid)
                worker.process.kill()
    yield Figure(f"{JOBS} waiting jobs: memory above the idle process", (total - idle) / MEGABYTE, "MB")
    yield Figure(f"{JOBS} waiting jobs: memory of the whole process", total / MEGABYTE, "MB", 100)
    yield Figure(f"{JOBS} waiting jobs: CPU", 100 * cpu / SECONDS, "% of one")
    yield Figure(f"{JOBS} waiting jobs: GetJob calls a second", asked / SECONDS, "")


def send(endpoint: str, queue_url: str, video: bytes) -> None:
    """Jobs of as many listings, with a video each."""
    s3 = session().client("s3", endpoint_url=endpoint)
    sqs = session().client("sqs", endpoint_url=endpoint)
    for listing_id in range(1, JOBS + 1):
        key = f"{listing_id}/raw/video/horizontal/v.mp4"
        s3.put_object(Bucket="bench", Key=key, Body=video, ContentType="video/mp4")
        enqueue(sqs, queue_url, {"jobId": listing_id, "listingId": listing_id, "assets": [key]})


def waiting(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        found = re.search(r"^media_worker_waiting (\S+)", answer.read().decode(), re.MULTILINE)
    return int(float(found[1])) if found else 0
