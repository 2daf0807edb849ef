"""The composition root of the operators' commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adapters.aws import connect
from adapters.dead_letters import SqsDeadLetters
from adapters.journal import S3Journals
from adapters.message import parse_message
from adapters.s3 import S3Objects
from adapters.signature import standard_signature
from domain.dead_letters import DeadLetters
from domain.journal import Journals
from domain.model import Job
from domain.ports import Objects
from domain.queue import Message
from worker.settings import Place

__all__ = ["READERS", "Records", "records", "standard_signature"]

READERS = 16
"""How many journals are read at once."""


@dataclass(frozen=True, slots=True)
class Records:
    """Where it is written what became of a job."""

    dead_letters: DeadLetters
    journals: Journals
    objects: Objects
    parse: Callable[[Message], Job]


def records(place: Place) -> Records:
    """Raises Transient where boto3 lacks something, such as a region."""
    clients = connect(
        place.aws_region,
        emulated=place.aws_endpoint_url is not None,
        connections=READERS,
        jobs=READERS,
        long_poll=1,
        videos=False,
    )
    return Records(
        SqsDeadLetters(clients.lease, place.queue_url),
        S3Journals(clients.s3, place.media_bucket),
        S3Objects(clients.s3, place.media_bucket, lambda *_: None),
        parse_message,
    )
