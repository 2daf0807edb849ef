"""The composition root: the only importer of adapters."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.aws import Clients, connect
from adapters.backend import SignedCallback
from adapters.journal import S3Journals
from adapters.mediaconvert import MediaConvert
from adapters.no_transcoder import NoTranscoder
from adapters.pillow import PillowImages
from adapters.s3 import S3Objects
from adapters.sqs import NoRedrivePolicy, SqsQueue
from adapters.wire import parse_message
from domain.errors import MediaError
from domain.ports import Ports, Transcoder
from worker.consumer import Consumer
from worker.handler import Handler
from worker.health import Health
from worker.lease import Leases
from worker.metrics import Metrics
from worker.settings import Settings
from worker.slots import Slots
from worker.watcher import Watcher

TRANSFERS = 16
"""How many small requests to the bucket are under way at once."""
MOST_WAITING = 200
"""How many jobs that only wait for a video are in hand beside WORKER_CONCURRENCY others."""


@dataclass(frozen=True, slots=True)
class Service:
    """The parts that the command starts and stops."""

    consumer: Consumer
    health: Health


class StartError(Exception):
    """The service can't be started as it is set up."""


def build(settings: Settings) -> Service:
    """Wire the service together.

    Raises:
        StartError: the queue or the bucket can't be used as it is, or boto3 misses something.
    """
    try:
        return _build(settings)
    except (MediaError, NoRedrivePolicy) as error:
        raise StartError(str(error)) from error


def _build(settings: Settings) -> Service:
    metrics, rng, clock = Metrics(), random.SystemRandom(), time.monotonic
    asset_threads = 2 * settings.image_threads + 2
    jobs = settings.worker_concurrency
    clients = connect(
        settings.aws_region,
        emulated=settings.aws_endpoint_url is not None,
        connections=asset_threads + TRANSFERS + jobs,
        jobs=jobs,
        long_poll=settings.long_poll,
        videos=settings.mediaconvert_role_arn is not None,
    )
    queue = SqsQueue(clients.poll, clients.lease, settings.queue_url)
    objects = S3Objects(clients.s3, settings.media_bucket, metrics.count_bytes)
    objects.require()
    ports = Ports(
        objects=objects,
        images=PillowImages(settings.image_threads, settings.max_photo_pixels),
        transcoder=_transcoder(settings, clients),
        backend=SignedCallback(
            str(settings.callback_url),
            settings.callback_secret.get_secret_value(),
            settings.callback_provider,
            time.sleep,
            _now,
        ),
        assets=ThreadPoolExecutor(asset_threads, "asset"),
        transfers=ThreadPoolExecutor(TRANSFERS, "transfer"),
        limits=settings.limits,
        bundle_template=settings.zip_key_template,
        now=_now,
    )
    leases = Leases(queue, settings.visibility_timeout, clock, metrics)
    journals = S3Journals(clients.s3, settings.media_bucket)
    slots, watcher = Slots(jobs, MOST_WAITING), Watcher(ports.transcoder, clock, rng)
    handler = Handler(
        queue, leases, journals, ports, metrics, slots, watcher, parse_message, queue.max_receive_count(),
        settings.job_timeout, clock, rng,
    )  # fmt: skip
    consumer = Consumer(
        queue, leases, handler, metrics, slots, watcher, settings.long_poll, settings.visibility_timeout,
        clock, rng,
    )  # fmt: skip
    return Service(consumer, Health(consumer, leases, handler, metrics, clock))


def _transcoder(settings: Settings, clients: Clients) -> Transcoder:
    if clients.mediaconvert is None or settings.mediaconvert_role_arn is None:
        return NoTranscoder()
    return MediaConvert(
        clients.mediaconvert,
        settings.media_bucket,
        settings.mediaconvert_role_arn,
        settings.mediaconvert_queue_arn,
    )


def _now() -> datetime:
    return datetime.now(UTC)
