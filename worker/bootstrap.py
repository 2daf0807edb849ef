"""The composition root: the only importer of adapters."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

from adapters.aws import Clients, connect, hear
from adapters.backend import Result, SignedCallback, Tried
from adapters.callback import CallbackForm
from adapters.claims import S3Claims
from adapters.decoders.boot import Serving
from adapters.decoders.limits import Limits, hide_memory
from adapters.decoders.pool import Decoders
from adapters.ecs_agent import EcsAgent
from adapters.journal import S3Journals
from adapters.mediaconvert import MediaConvert
from adapters.message import parse_message
from adapters.no_transcoder import NoTranscoder
from adapters.s3 import S3Objects
from adapters.s3_copier import Copier
from adapters.sqs import LONGEST_POLL, SqsQueue
from domain.each import TRANSFERS, WINDOW
from domain.errors import Dependency, MediaError
from domain.model import Report, Status
from domain.photo_buffer import PhotoBuffer
from domain.ports import Ports, Transcoder
from domain.rendition_cache import RENDITION_BYTES, RenditionRoom
from worker.assembly import MOST_WAITING, Outside, Worker, assemble
from worker.lease import longest_poll
from worker.machine import return_freed_memory
from worker.metrics import Metrics
from worker.outages import Outages
from worker.settings import Settings

RENDERER = "adapters.pictures.pillow:PillowImages"
"""What the child processes render with: this one doesn't import it."""
ALL_COPIES = 16
"""How many parts of bundles the bucket copies at once."""


class StartError(Exception):
    """The service can't be started as it is set up."""


def build(settings: Settings) -> Worker:
    """Wire the worker to AWS and the backend.

    Raises:
        StartError: the queue or the bucket can't be used as it is, boto3 lacks something, such as a region, or
            no decoder can be started.
    """
    try:
        outside = _outside(settings)
    except MediaError as error:
        raise StartError(str(error)) from error
    return assemble(outside, settings.worker_concurrency, settings.visibility_timeout, settings.job_timeout)


def _outside(settings: Settings) -> Outside:
    return_freed_memory()
    metrics = Metrics()
    images = _images(settings, metrics)  # its first child starts while everything else is looked at
    asset_threads = WINDOW * settings.worker_concurrency  # no job waits for a thread that another one keeps
    # A shutdown waits for the open poll: half of its time is left for what that brings.
    half_of_the_grace = max(1, settings.shutdown_grace // 2)
    long_poll = min(LONGEST_POLL, longest_poll(settings.visibility_timeout), half_of_the_grace)
    clients = connect(
        settings.aws_region,
        emulated=settings.aws_endpoint_url is not None,
        connections=asset_threads + TRANSFERS + settings.worker_concurrency,
        jobs=settings.worker_concurrency + MOST_WAITING,
        long_poll=long_poll,
        videos=settings.mediaconvert_role_arn is not None,
    )
    clock, rng = _clock(), random.SystemRandom()
    outages = Outages(clock, metrics)
    hear(clients.s3, partial(outages.answered, Dependency.BUCKET))
    if clients.mediaconvert:
        hear(clients.mediaconvert, partial(outages.answered, Dependency.MEDIACONVERT))
    queue = SqsQueue(clients.poll, clients.lease, settings.queue_url, long_poll)
    queue.require()
    objects = S3Objects(clients.s3, settings.media_bucket, metrics.count_bytes, Copier(clients.copier))
    objects.require()
    ports = Ports(
        objects=objects,
        images=images,
        transcoder=_transcoder(settings, clients),
        claims=S3Claims(clients.s3, settings.media_bucket),
        backend=SignedCallback(
            str(settings.callback_url),
            settings.callback_secret.get_secret_value(),
            _callback_body(settings, metrics),
            time.sleep,
            _now,
            _heard(metrics, outages),
        ),
        assets=ThreadPoolExecutor(asset_threads, "asset"),
        transfers=ThreadPoolExecutor(TRANSFERS, "transfer"),
        copies=ThreadPoolExecutor(ALL_COPIES, "copy"),
        limits=settings.limits,
        photo_buffer=PhotoBuffer(settings.photo_buffer),
        rendition_room=RenditionRoom(RENDITION_BYTES),
        bundles=settings.bundles,
        now=_now,
        pause=partial(_pause, rng),
    )
    journals = S3Journals(clients.s3, settings.media_bucket)
    task = EcsAgent(settings.ecs_agent_uri)
    images.require()
    return Outside(queue, journals, ports, parse_message, clock, rng, task, metrics, outages)


def _images(settings: Settings, metrics: Metrics) -> Decoders:
    """Pictures come from strangers: the processes that decode them can't look into this one."""
    hide_memory()
    return Decoders(
        Serving(RENDERER, (settings.max_photo_pixels,)),
        Limits(settings.image_processes, settings.image_memory, settings.image_timeout),
        metrics.count_decoder,
    )


def _heard(metrics: Metrics, outages: Outages) -> Tried:
    """Each try at a callback is counted; an answer that is about its job says that the backend works."""

    def tried(result: Result, status: int | None, seconds: float) -> None:
        metrics.count_callback(result, status, seconds)
        if result != "transient":
            outages.answered(Dependency.BACKEND, "")

    return tried


def _callback_body(settings: Settings, metrics: Metrics) -> Callable[[Report], bytes]:
    form = CallbackForm(
        settings.callback_provider,
        settings.finalization_provider,
        Status(settings.callback_partial_as),
        settings.callback_max_bytes,
    )

    def measured(report: Report) -> bytes:
        body = form.body(report)
        metrics.callback_bytes.observe(len(body))
        return body

    return measured


def _transcoder(settings: Settings, clients: Clients) -> Transcoder:
    if clients.mediaconvert is None or settings.mediaconvert_role_arn is None:
        return NoTranscoder()
    return MediaConvert(
        clients.mediaconvert,
        settings.media_bucket,
        settings.mediaconvert_role_arn,
        settings.mediaconvert_queue_arn,
        settings.video_tone_mapping,
    )


def _clock() -> Callable[[], float]:
    """Seconds that go on while the machine is suspended, where it has such a clock: leases run out meanwhile."""
    if sys.platform == "linux":
        return partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    return time.monotonic


def _pause(rng: random.Random, seconds: float) -> None:
    time.sleep(rng.uniform(0.5, 1.5) * seconds)


def _now() -> datetime:
    return datetime.now(UTC)
