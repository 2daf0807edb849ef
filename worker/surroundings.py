"""The composition root of the checks: what is looked at, of AWS, the backend and this machine."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from adapters.aws import Clients, connect, connect_to_iam, connect_to_queue
from adapters.callback import CallbackForm
from adapters.looks import backend
from adapters.looks.bucket import encryption_of, get_check, put_check, require, tag_check, versioned
from adapters.looks.queue import ahead_of_aws, look_at_dead_letters, look_at_queue
from adapters.looks.transcoder import probe, queue_status, trust_of
from domain.checks import bucket, machine, transcoder
from domain.checks.backend import judge_callback
from domain.checks.finding import Finding, Missing, unseen
from domain.checks.queues import judge_dead_letters, judge_queue
from domain.errors import MediaError
from domain.keys import check_key
from domain.model import Status
from worker.checking import Check, checked, log_failures
from worker.machine import usable_memory
from worker.settings import Settings, usable_cpus

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

CALLBACK_SECONDS = 7
"""For each of the two callbacks."""
CHEAP_SECONDS = 10
"""For each of the cheap checks."""


def cheap_checks(settings: Settings) -> Mapping[str, Check]:
    """Those that a start can afford: three requests, and a name."""
    sqs = connect_to_queue(settings.aws_region)
    return {
        "queue": partial(_queue, sqs, settings.queue_url),
        "backend": lambda: filter(None, [backend.resolve(str(settings.callback_url))]),
        **_of_clock_and_cpus(sqs, settings),
    }


def all_checks(settings: Settings, callback: bool) -> Mapping[str, Check]:
    """Every one; with `callback` the backend is sent two."""
    clients = connect(
        settings.aws_region,
        emulated=settings.aws_endpoint_url is not None,
        videos=settings.mediaconvert_role_arn is not None,
    )
    checks: dict[str, Check] = {
        "queue": partial(_queue, clients.lease, settings.queue_url),
        "bucket": partial(_bucket, clients, settings.media_bucket),
        **_of_mediaconvert(clients, settings),
        "backend: connection": lambda: [backend.connect(str(settings.callback_url))],
    }
    if callback:
        checks["backend: callback"] = partial(_callback, settings)
    memory: dict[str, Check] = {"memory": lambda: [machine.judge_memory(_sizing(settings), usable_memory())]}
    return {**checks, **_of_clock_and_cpus(clients.lease, settings), **memory}


def check_beside(settings: Settings) -> None:
    """Make the cheap checks in a thread of their own, and log what is wrong: a start neither waits nor fails."""

    def look() -> None:
        log_failures(checked(cheap_checks(settings), CHEAP_SECONDS))

    with suppress(RuntimeError):  # no thread can be started: that is said elsewhere
        threading.Thread(target=look, name="checks", daemon=True).start()


def _queue(sqs: SQSClient, url: str) -> Iterator[Finding]:
    facts = look_at_queue(sqs, url)
    yield from judge_queue(facts)
    if facts.dead_letters:
        yield from judge_dead_letters(facts, look_at_dead_letters(sqs, url, facts.dead_letters))


def _bucket(clients: Clients, name: str) -> Iterator[Finding]:
    looks: Mapping[str, Check] = {
        "bucket": partial(_presence, clients, name),
        "bucket: write and read": partial(_round_trip, clients, name),
        "bucket: versioning": lambda: [bucket.judge_versioning(versioned(clients, name))],
        "bucket: encryption": lambda: [bucket.judge_encryption(encryption_of(clients, name))],
    }
    for title, look in looks.items():
        try:
            yield from look()
        except Missing:  # the others would say the same
            raise
        except MediaError as error:
            yield unseen(title, error)


def _presence(clients: Clients, name: str) -> Iterator[Finding]:
    require(clients, name)
    yield Finding("bucket", True, f"{name} is there")


def _round_trip(clients: Clients, name: str) -> Iterator[Finding]:
    key, text = _put(clients, name)
    got = get_check(clients, name, key)
    yield from bucket.judge_round_trip(key, text.encode(), got, tag_check(clients, name, key))


def _put(clients: Clients, name: str) -> tuple[str, str]:
    """Put an object of the check's own; its key and text."""
    number = uuid.uuid4().hex
    key, text = check_key(number), f'{{"check": "{number}"}}'
    put_check(clients, name, key, text)
    return key, text


def _of_mediaconvert(clients: Clients, settings: Settings) -> Mapping[str, Check]:
    client, role, queue = clients.mediaconvert, settings.mediaconvert_role_arn, settings.mediaconvert_queue_arn
    if client is None or role is None:
        return {"MediaConvert": lambda: [transcoder.NO_ROLE]}
    name = queue.rpartition("/")[2] if queue else "Default"

    def look_at_role() -> Iterator[Finding]:
        yield transcoder.judge_role(role, trust_of(connect_to_iam(settings.aws_region), role))

    def try_probe() -> Iterator[Finding]:
        key, _ = _put(clients, settings.media_bucket)
        probe(client, settings.media_bucket, key)
        yield Finding(transcoder.PROBE, True, "allowed")

    return {
        transcoder.ROLE: look_at_role,
        transcoder.PROBE: try_probe,
        transcoder.QUEUE: lambda: [transcoder.judge_queue(name, queue_status(client, name))],
    }


def _callback(settings: Settings) -> Iterator[Finding]:
    form = CallbackForm(
        settings.callback_provider, settings.finalization_provider, Status(settings.callback_partial_as)
    )
    url, secret = str(settings.callback_url), settings.callback_secret.get_secret_value()
    yield judge_callback(*backend.call_back_for_no_job(url, secret, form.body, CALLBACK_SECONDS))


def _of_clock_and_cpus(sqs: SQSClient, settings: Settings) -> Mapping[str, Check]:
    return {
        "clock": lambda: [machine.judge_clock(ahead_of_aws(sqs, settings.queue_url))],
        "CPUs": lambda: [machine.judge_cpus(_sizing(settings), usable_cpus())],
    }


def _sizing(settings: Settings) -> machine.Sizing:
    return machine.Sizing(
        settings.worker_concurrency, settings.image_processes, settings.image_memory, settings.photo_buffer
    )
