"""The three consumers: how each is started, and how it is sent jobs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.world import World
from tests.snippets.programs import NODE
from tests.soak.record import LEASE

HERE = Path(__file__).parent
RECEIVES = 5
SETTINGS = {
    "VISIBILITY_TIMEOUT": f"{LEASE:.0f}",
    "MAX_RECEIVE_COUNT": str(RECEIVES),
    "JOB_TIMEOUT": "120",
    "SHUTDOWN_GRACE": "20",
    "WORKER_CONCURRENCY": "4",
    "IMAGE_PROCESSES": "1",
    "HTTP_PORT": "0",
}
Jobs = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Consumer:
    """`command` starts a process of it, which reads the environment that a worker would read."""

    name: str
    command: tuple[str, ...]
    send: Callable[[World, Jobs], None]


def ours() -> Consumer:
    return Consumer("this worker", (sys.executable, "-m", "tests.soak.plain.mortal"), _send_json)


def sqs_consumer(modules: Path, scratch: Path) -> Consumer:
    """`modules` is a node_modules folder, which Node.js looks for beside the program."""
    shutil.copy(HERE / "sqs_consumer.mjs", scratch)
    (scratch / "node_modules").symlink_to(modules.resolve())
    return Consumer("sqs-consumer", (str(NODE), str(scratch / "sqs_consumer.mjs")), _send_json)


def celery(python: Path) -> Consumer:
    """`python` is that of a virtual environment with Celery."""
    work = ("-m", "celery", "--workdir", str(HERE), "-A", "celery_tasks", "worker", "--concurrency", "4")
    quiet = ("--loglevel", "INFO", "--without-gossip", "--without-mingle")

    def send(world: World, jobs: Jobs) -> None:
        """By Celery's own producer: its messages are its own, and so it reads no others."""
        environment = world.environment(**SETTINGS, AWS_ENDPOINT_URL_SQS=world.endpoint)
        subprocess.run(
            [python, HERE / "celery_tasks.py"],
            env=os.environ | environment,
            input=json.dumps(jobs),
            text=True,
            check=True,
        )

    return Consumer("celery", (str(python), *work, *quiet), send)


def missing(modules: Path | None, python: Path | None) -> Iterable[str]:
    """What there is to install before it can begin."""
    for package in ("sqs-consumer", "@aws-sdk/client-sqs", "@aws-sdk/client-s3"):
        if modules is None or not (modules / package).is_dir():
            yield f"NODE names no node_modules folder with {package}"
    if python is None or subprocess.run([python, "-c", "import celery, kombu, pycurl"], check=False).returncode:
        yield "CELERY names no Python that has celery[sqs]"


def _send_json(world: World, jobs: Jobs) -> None:
    for job in jobs:
        world.enqueue(job)
