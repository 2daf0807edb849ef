"""What a large bundle costs: memory above the idle process, and what moves when a photo is added."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.s3 import S3Objects
from benchmarks.alone import Alone, Unused
from benchmarks.aws_server import aws_server
from benchmarks.figure import Figure
from benchmarks.jobs import counted, tell
from benchmarks.memory import in_a_process_of_its_own
from devstack.aws import session
from devstack.moto import moto_server
from devstack.processes import memory
from domain.bundles import Bundles
from domain.kinds import Kind
from domain.model import Job
from domain.photo_buffer import PhotoBuffer
from domain.ports import Ports
from domain.rendition_cache import RenditionCache, RenditionRoom
from domain.run import Run
from domain.steps.zip import write_bundle
from worker.machine import return_freed_memory

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef

MIB = 1024 * 1024
LIMIT_MIB = 64.0
BUCKET = "bench"
LARGE_MEMBERS = 3
SMALL_MEMBERS = 200
ZEROS = 256 * MIB
NEW = 751_000
"""Bytes of the photo that is added."""


def measure() -> Iterator[Figure]:
    rise, seconds, size = in_a_process_of_its_own(bundle_a_gibibyte)
    yield from of("1 GiB, streamed", rise, seconds, size)
    rise, seconds, size, requests, moved = in_a_process_of_its_own(bundle_five_gibibytes)
    yield from of("5 GiB, copied by S3", rise, seconds, size)
    yield Figure("one photo more in it: requests", requests, "", 10 + 4 * size / MIB / 1024)
    yield Figure("… bytes moved", moved / MIB, "MiB", (2 * NEW + 8 * MIB) / MIB)


def of(name: str, rise: float, seconds: float, size: float) -> Iterator[Figure]:
    yield Figure(f"bundle of {name}: memory above idle", rise / MIB, "MiB", LIMIT_MIB)
    yield Figure("… its size", size / MIB, "MiB")
    yield Figure("… its throughput, the emulator's share included", size / MIB / seconds, "MiB/s")


def bundle_five_gibibytes(answer: Connection) -> None:
    """A video of 4.5 GiB, which needs ZIP64, another one, and photos; then a photo more.

    The server holds their bytes once.
    """
    with aws_server() as (endpoint, _):
        client = session().client("s3", endpoint_url=endpoint)
        client.create_bucket(Bucket=BUCKET)
        with Path("/dev/zero").open("rb") as zeros:
            client.put_object(Bucket=BUCKET, Key="zeros", Body=zeros.read(ZEROS))
        for name, pieces in (("long", 18), ("short", 2)):
            repeat(client, f"28/processed/video/horizontal/original/{name}.mp4", pieces)
        for number in range(SMALL_MEMBERS):
            client.put_object(Bucket=BUCKET, Key=f"28/processed/photo/large/{number}.jpg", Body=b"x" * (MIB // 2))
        first = in_a_process_of_its_own(BundleAt(endpoint))
        client.put_object(Bucket=BUCKET, Key="28/processed/photo/large/new.jpg", Body=b"x" * NEW)
        tell(endpoint, 0)
        in_a_process_of_its_own(BundleAt(endpoint))
        counts = counted(endpoint).values()
        moved = sum(count.received + count.sent for count in counts)
        answer.send((*first, sum(count.requests for count in counts) - 1, moved))  # one is there to begin with


def repeat(client: S3Client, key: str, times: int) -> None:
    """Make an object of the zeros, so many times."""
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)
    source: CopySourceTypeDef = {"Bucket": BUCKET, "Key": "zeros"}
    parts: list[CompletedPartTypeDef] = []
    for number in range(1, times + 1):
        copied = client.upload_part_copy(
            Bucket=BUCKET, Key=key, UploadId=upload["UploadId"], PartNumber=number, CopySource=source
        )
        parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
    client.complete_multipart_upload(
        Bucket=BUCKET, Key=key, UploadId=upload["UploadId"], MultipartUpload={"Parts": parts}
    )


def bundle_a_gibibyte(answer: Connection) -> None:
    """moto tells no CRC-32 of what it copies: so all goes through the worker."""
    with moto_server() as endpoint:
        client = session().client("s3", endpoint_url=endpoint)
        client.create_bucket(Bucket=BUCKET)
        in_thirds = (1024 * MIB - SMALL_MEMBERS * MIB // 2) // LARGE_MEMBERS
        with Path("/dev/zero").open("rb") as zeros:
            for number in range(LARGE_MEMBERS):
                client.put_object(
                    Bucket=BUCKET,
                    Key=f"28/processed/project/doc/original/{number}.bin",
                    Body=zeros.read(in_thirds),
                )
        for number in range(SMALL_MEMBERS):
            client.put_object(Bucket=BUCKET, Key=f"28/processed/photo/large/{number}.jpg", Body=b"x" * (MIB // 2))
        answer.send(in_a_process_of_its_own(BundleAt(endpoint)))


class BundleAt:
    """Builds the bundle at an endpoint, and tells the rise in bytes, the seconds and the size in bytes."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def __call__(self, answer: Connection) -> None:
        return_freed_memory()  # as the worker does
        client = session().client("s3", endpoint_url=self.endpoint)
        ports = Ports(
            objects=S3Objects(client, BUCKET, lambda direction, count: None),
            images=Unused(),
            transcoder=Unused(),
            claims=Unused(),
            backend=Unused(),
            assets=ThreadPoolExecutor(4),
            transfers=ThreadPoolExecutor(16),
            copies=ThreadPoolExecutor(4),
            limits=dict.fromkeys(Kind, 0),
            photo_buffer=PhotoBuffer(0),
            rendition_room=RenditionRoom(0),
            bundles=Bundles(),
            now=lambda: datetime.now(UTC),
            pause=time.sleep,
        )
        list(ports.objects.list("28/processed/nothing/"))
        idle = memory("VmRSS")
        started = time.monotonic()
        bundle = write_bundle(Run(Job(21, 28, "m"), Alone(), ports, RenditionCache(ports.rendition_room)))
        answer.send((memory("VmHWM") - idle, time.monotonic() - started, bundle.size if bundle else 0))
