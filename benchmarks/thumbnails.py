"""CPU per photo against a floor, and how close the renditions are to what a slow resize gives."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable, Iterator

import numpy
from PIL import Image
from skimage.metrics import structural_similarity

from adapters.pictures.encode import QUALITY, encode
from adapters.pictures.pillow import PillowImages
from benchmarks.figure import Figure
from domain.content import FileFormat
from domain.kinds import WIDTHS

SIZES = {"12 MP": (4000, 3000), "24 MP": (6000, 4000), "48 MP": (8000, 6000)}
AWKWARD = {"4800 wide": (4800, 3200), "2400 wide": (2400, 1600), "1300 wide": (1300, 867)}
NOISE = 5.0
"""Standard deviation, of 255: 12 MP then take 3.4 MB, like a phone's photo does."""
ROUNDS = 7
MOST_OF_FLOOR = 1.8
LEAST_SSIM_DIFFERENCE = -0.003


def photo(width: int, height: int) -> bytes:
    """A JPEG with shapes of many sizes and mild noise: q90, 4:2:0."""
    random = numpy.random.default_rng(7)
    y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float32)
    waves = sum(numpy.sin(x / period) * numpy.cos(y / (period * 1.3)) for period in (7, 31, 113, 401))
    light = 128 + 24 * waves
    channels = [light, light * 0.8 + 30, 255 - light]
    noise = random.normal(0, NOISE, (height, width)).astype(numpy.float32)
    pixels = numpy.stack([channel + noise for channel in channels], axis=-1).clip(0, 255).astype(numpy.uint8)
    return encoded(Image.fromarray(pixels), 90)


def encoded(image: Image.Image, quality: int = QUALITY) -> bytes:
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=quality, subsampling="4:2:0")
    return sink.getvalue()


def fitted(size: tuple[int, int], width: int) -> tuple[int, int]:
    target = min(width, size[0])
    return target, round(size[1] * target / size[0])


def reference(data: bytes) -> dict[int, Image.Image]:
    """Every rendition from the full size by Lanczos, before encoding."""
    full = Image.open(io.BytesIO(data))
    return {w: full.resize(fitted(full.size, w), Image.Resampling.LANCZOS) for w in WIDTHS.values()}


def naive(data: bytes) -> dict[int, bytes]:
    """What one writes first: a full decode, and each rendition from it."""
    return {width: encoded(image) for width, image in reference(data).items()}


def floor_of(
    data: bytes, references: dict[int, Image.Image], becomes: FileFormat = FileFormat.JPEG
) -> Callable[[], None]:
    """The decoding, a JPEG's scaled by libjpeg-turbo, and the four encodings: what no design can do without."""

    def run() -> None:
        image = Image.open(io.BytesIO(data))
        image.draft(image.mode, (max(WIDTHS.values()), 1))
        image.load()
        for rendition in references.values():
            encode(rendition, becomes)

    return run


def cpu_seconds(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def ssim(one: Image.Image, data: bytes) -> float:
    other = Image.open(io.BytesIO(data))
    score: float = structural_similarity(numpy.asarray(one), numpy.asarray(other), channel_axis=-1)
    return score


def measure() -> Iterator[Figure]:
    images = PillowImages(100_000_000)
    for name, size in SIZES.items():
        data = photo(*size)
        references = reference(data)
        ways: dict[str, Callable[[], object]] = {
            "worker": lambda data=data: images.render(data, FileFormat.JPEG),  # type: ignore[misc]
            "floor": floor_of(data, references),
            "naive": lambda data=data: naive(data),  # type: ignore[misc]
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(ROUNDS):  # in turn, so that a machine that slows down slows all of them
            for way, work in ways.items():
                seconds[way].append(cpu_seconds(work))
        middle = {way: statistics.median(values) for way, values in seconds.items()}
        yield Figure(
            f"thumbnails, {name}: CPU, worker ÷ floor", middle["worker"] / middle["floor"], "×", MOST_OF_FLOOR
        )
        yield Figure(f"thumbnails, {name}: CPU, naive Pillow ÷ floor", middle["naive"] / middle["floor"], "×")
        yield Figure(f"thumbnails, {name}: CPU of the worker", middle["worker"] * 1000, "ms")
    for name, size in {**SIZES, **AWKWARD}.items():
        yield likeness(images, name, photo(*size))


def likeness(images: PillowImages, name: str, data: bytes, file_format: FileFormat = FileFormat.JPEG) -> Figure:
    references, plain = reference(data), naive(data)
    differences = [
        ssim(references[WIDTHS[rendition.size]], rendition.data)
        - ssim(references[WIDTHS[rendition.size]], plain[WIDTHS[rendition.size]])
        for rendition in images.render(data, file_format).renditions
    ]
    worst = min(differences)
    return Figure(
        f"thumbnails, {name}: SSIM, worker − naive, worst size", worst, "", LEAST_SSIM_DIFFERENCE, lowest=True
    )
