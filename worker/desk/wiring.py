"""The composition root of the operators' commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adapters.aws import Clients, connect
from adapters.dead_letters import SqsDeadLetters
from adapters.journal import S3Journals
from adapters.message import parse_message
from adapters.s3 import S3Objects
from adapters.sender import SqsSender
from adapters.signature import standard_signature
from adapters.sqs import SqsQueue
from domain.by_hand import Sender
from domain.dead_letters import DeadLetters
from domain.journal import Journals
from domain.model import Job
from domain.ports import Objects
from domain.queue import Message
from worker.settings import Place

__all__ = ["READERS", "Hand", "Records", "hand", "records", "standard_signature"]

READERS = 16
"""How many journals are read at once."""


@dataclass(frozen=True, slots=True)
class Records:
    """Where it is written what became of a job."""

    dead_letters: DeadLetters
    journals: Journals
    objects: Objects
    parse: Callable[[Message], Job]


@dataclass(frozen=True, slots=True)
class Hand:
    """What a job by hand takes: where it is sent, what it can be of, and where it is written how it ends.

    `require` looks at queue and bucket, and returns the queue's maxReceiveCount.
    """

    sender: Sender
    objects: Objects
    journals: Journals
    require: Callable[[], int]


def records(place: Place) -> Records:
    """Raises Transient where boto3 lacks something, such as a region."""
    clients = _clients(place)
    return Records(
        SqsDeadLetters(clients.lease, clients.poll, place.queue_url),
        S3Journals(clients.s3, place.media_bucket),
        S3Objects(clients.s3, place.media_bucket, lambda *_: None),
        parse_message,
    )


def hand(place: Place) -> Hand:
    """Raises Transient where boto3 lacks something, such as a region."""
    clients = _clients(place)
    queue = SqsQueue(clients.poll, clients.lease, place.queue_url)
    objects = S3Objects(clients.s3, place.media_bucket, lambda *_: None)

    def require() -> int:
        queue.require()
        objects.require()
        return queue.max_receive_count

    return Hand(
        SqsSender(clients.poll, place.queue_url),  # which tries once: a second try might send a second message
        objects,
        S3Journals(clients.s3, place.media_bucket),
        require,
    )


def _clients(place: Place) -> Clients:
    return connect(place.aws_region, emulated=place.aws_endpoint_url is not None, connections=READERS)
