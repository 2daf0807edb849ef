"""How far memory rises above the idle process, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.pictures.pillow import PillowImages
from adapters.s3 import S3Objects
from benchmarks.aws_server import aws_server
from benchmarks.figure import Figure
from benchmarks.thumbnails import photo
from devstack.aws import session
from devstack.moto import moto_server
from devstack.processes import memory
from domain.bundles import Bundles
from domain.claims import Claim
from domain.content import FileFormat
from domain.errors import Permanent, Unavailable
from domain.journal import Acknowledged, Journal
from domain.keys import RawKey
from domain.kinds import Kind
from domain.model import Derivatives, Job, Picture, Report, Source, Transcoding, TranscodingResult
from domain.photo_buffer import PhotoBuffer
from domain.ports import Attempt, Ports
from domain.rendition_cache import RenditionCache
from domain.run import Run
from domain.steps.zip import write_bundle
from worker.machine import return_freed_memory

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef

MIB = 1024 * 1024
PHOTO_LIMIT_MB = 150.0
BUNDLE_LIMIT_MIB = 64.0
BUCKET = "bench"
LARGE_MEMBERS = 3
SMALL_MEMBERS = 200
ZEROS = 256 * MIB


def in_a_process_of_its_own(work: Callable[[Connection], None]) -> tuple[float, ...]:
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=work, args=(theirs,))
    child.start()
    values: tuple[float, ...] = ours.recv()
    child.join()
    return values


def measure() -> Iterator[Figure]:
    (rise,) = in_a_process_of_its_own(render_48_megapixels)
    yield Figure("memory of one 48 MP JPEG above idle", rise / 1e6, "MB", PHOTO_LIMIT_MB)
    for name, work in (
        ("1 GiB bundle that is streamed", bundle_a_gibibyte),
        ("5 GiB bundle that S3 copies", bundle_five_gibibytes),
    ):
        rise, seconds, size = in_a_process_of_its_own(work)
        yield Figure(f"memory of a {name}, above idle", rise / MIB, "MiB", BUNDLE_LIMIT_MIB)
        yield Figure("size of that bundle", size / MIB, "MiB")
        yield Figure("its throughput, the emulator's share included", size / MIB / seconds, "MiB/s")


def render_48_megapixels(answer: Connection) -> None:
    path = Path("/tmp/bench-48mp.jpg")
    in_a_process_of_its_own(write_photo)
    images = PillowImages(100_000_000)
    images.render(small_photo(), FileFormat.JPEG)
    idle = memory("VmRSS")
    images.render(path.read_bytes(), FileFormat.JPEG)
    path.unlink()
    answer.send((memory("VmHWM") - idle,))


def write_photo(answer: Connection) -> None:
    """In yet another process: making the photo takes far more memory than rendering it."""
    Path("/tmp/bench-48mp.jpg").write_bytes(photo(8000, 6000))
    answer.send(())


def small_photo() -> bytes:
    return photo(64, 48)


def bundle_five_gibibytes(answer: Connection) -> None:
    """A video of 4.5 GiB, which needs ZIP64, another one, and photos. The server holds their bytes once."""
    with aws_server() as (endpoint, _):
        client = session().client("s3", endpoint_url=endpoint)
        client.create_bucket(Bucket=BUCKET)
        with Path("/dev/zero").open("rb") as zeros:
            client.put_object(Bucket=BUCKET, Key="zeros", Body=zeros.read(ZEROS))
        for name, pieces in (("long", 18), ("short", 2)):
            repeat(client, f"28/processed/video/horizontal/original/{name}.mp4", pieces)
        for number in range(SMALL_MEMBERS):
            client.put_object(Bucket=BUCKET, Key=f"28/processed/photo/large/{number}.jpg", Body=b"x" * (MIB // 2))
        answer.send(in_a_process_of_its_own(BundleAt(endpoint)))


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
            copies=ThreadPoolExecutor(16),
            limits=dict.fromkeys(Kind, 0),
            photo_buffer=PhotoBuffer(0),
            bundles=Bundles(),
            now=lambda: datetime.now(UTC),
            pause=time.sleep,
        )
        list(ports.objects.list("28/processed/nothing/"))
        idle = memory("VmRSS")
        started = time.monotonic()
        bundle = write_bundle(Run(Job(21, 28, "m"), Alone(), ports, RenditionCache(0)))
        answer.send((memory("VmHWM") - idle, time.monotonic() - started, bundle.size if bundle else 0))


class Unused:
    """A port that bundling doesn't touch."""

    def check_name(self, raw: RawKey) -> None:
        raise Permanent("unused")

    def frames(self, source: Source) -> list[str]:
        raise Permanent("unused")

    def submit(self, source: Source, generation: int) -> Transcoding:
        raise Permanent("unused")

    def result(self, transcoding_id: str) -> TranscodingResult | None:
        raise Permanent("unused")

    def look(self, source: Source) -> Claim | None:
        raise Permanent("unused")

    def take(self, source: Source, claim: Claim, instead_of: Claim | None) -> Claim:
        raise Permanent("unused")

    def name(self, source: Source, claim: Claim, transcoding: Transcoding) -> None:
        raise Permanent("unused")

    def render(
        self, data: bytes, file_format: FileFormat, job: str, key: str, checkpoint: Callable[[], None]
    ) -> Picture:
        raise Permanent("unused")

    def notify(self, report: Report, attempt: Attempt) -> None:
        raise Permanent("unused")


class Alone:
    """An attempt that nothing interrupts, and its progress."""

    last = False
    first = True

    @property
    def progress(self) -> Alone:
        return self

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, int]]:
        yield {}

    def checkpoint(self) -> None:
        """Go on."""

    def begin_report(self) -> None:
        """Nobody hears of it."""

    def outlast(self, error: Unavailable) -> None:
        raise error

    def load(self) -> Journal:
        return Journal()

    def acknowledge(self, acknowledged: Acknowledged) -> None:
        """Nothing comes after."""

    def recall(self, source: Source) -> Derivatives | None:
        return None

    def record(self, derivatives: Derivatives) -> None:
        """Nothing comes after."""

    def recall_transcoding(self, source: Source) -> Transcoding | None:
        return None

    def record_transcoding(self, transcoding: Transcoding, submitted: bool) -> None:
        """Nothing comes after."""

    @contextmanager
    def idle(self) -> Iterator[None]:
        yield

    def wait_for(self, transcoding_ids: Collection[str]) -> Mapping[str, TranscodingResult]:
        return {}
