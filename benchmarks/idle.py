"""What a worker costs that has nothing to do."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure
from devstack.aws import session, variables
from devstack.moto import moto_server
from devstack.processes import Child, free_port

SECONDS = 65.0
WARM_UP = 5.0


def measure() -> Iterator[Figure]:
    with moto_server() as endpoint, tempfile.TemporaryDirectory() as scratch:
        port = free_port()
        environment = {**variables(endpoint), **resources(endpoint), "HTTP_PORT": str(port)}
        command = [sys.executable, "-m", "worker.cli", "run"]
        with Child(command, log=Path(scratch) / "worker.log", environment=environment) as worker:
            worker.wait_ready(f"http://127.0.0.1:{port}/livez", timeout=30)
            time.sleep(WARM_UP)
            cpu, polls = cpu_seconds(worker.process.pid), receives(port)
            time.sleep(SECONDS)
            cpu, polls = cpu_seconds(worker.process.pid) - cpu, receives(port) - polls
            worker.process.kill()
    yield Figure("idle worker: receives a minute", polls * 60 / SECONDS, "", 3.7)
    yield Figure("idle worker: CPU", 100 * cpu / SECONDS, "% of one", 0.5)


def resources(endpoint: str) -> dict[str, str]:
    session().client("s3", endpoint_url=endpoint).create_bucket(Bucket="bench")
    sqs = session().client("sqs", endpoint_url=endpoint)
    dlq = sqs.create_queue(QueueName="dlq")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dlq, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
    return {
        "QUEUE_URL": sqs.create_queue(QueueName="q", Attributes={"RedrivePolicy": policy})["QueueUrl"],
        "MEDIA_BUCKET": "bench",
        "CALLBACK_URL": "http://127.0.0.1:9/",
        "CALLBACK_SECRET": "unused-unused-unused",
    }


def receives(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        found = re.search(r'media_worker_receives_total\{result="ok"\} (\S+)', answer.read().decode())
    return float(found[1]) if found else 0.0


def cpu_seconds(pid: int) -> float:
    """User and system time so far, as proc(5) has it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
