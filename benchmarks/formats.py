"""CPU for a photo of 12 megapixels in each format, the worker's against a floor and sharp's; and how it looks."""

from __future__ import annotations

import io
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from adapters.pictures.pillow import PillowImages
from benchmarks.figure import Figure
from benchmarks.sharp import Sharp
from benchmarks.thumbnails import cpu_seconds, floor_of, likeness, photo, reference
from domain.content import FileFormat

SIZE = (4000, 3000)
ROUNDS = 5
LOOKS = {"12 MP": SIZE, "4800 wide": (4800, 3200), "24 MP": (6000, 4000), "48 MP": (8000, 6000)}


@dataclass(frozen=True, slots=True)
class Row:
    """A format of uploads; `most` is the limit of the worker's CPU ÷ floor. The JPEG's is in `thumbnails`."""

    format: FileFormat
    options: dict[str, Any]
    most: float | None


ROWS = (
    Row(FileFormat.JPEG, {"quality": 90, "subsampling": "4:2:0"}, None),
    Row(FileFormat.HEIF, {"quality": 50}, 1.2),
    Row(FileFormat.AVIF, {"quality": 60, "speed": 9}, 1.4),
    Row(FileFormat.PNG, {"compress_level": 3}, 1.4),
    Row(FileFormat.WEBP, {"quality": 80, "method": 2}, 1.3),
    Row(FileFormat.TIFF, {"compression": "tiff_lzw"}, 1.6),
)


def measure(modules: Path | None) -> Iterator[Figure]:
    images = PillowImages(100_000_000)
    source = Image.open(io.BytesIO(photo(*SIZE)))
    source.load()
    with tempfile.TemporaryDirectory() as folder, closing(Sharp(modules)) if modules else nullcontext() as sharp:
        for row in ROWS:
            path = Path(folder) / row.format.name
            source.save(path, row.format.name, **row.options)
            yield from _compare(images, row, path, sharp)
    for name, size in LOOKS.items():
        yield likeness(images, f"PNG, {name}", as_png(photo(*size)), FileFormat.PNG)
    heic = io.BytesIO()
    source.save(heic, "HEIF", quality=90)
    yield likeness(images, "HEIC, 12 MP", heic.getvalue(), FileFormat.HEIF)


def _compare(images: PillowImages, row: Row, path: Path, sharp: Sharp | None) -> Iterator[Figure]:
    data = path.read_bytes()
    becomes = images.render(data, row.format).renditions[0].format
    floor = floor_of(data, reference(data), becomes)
    seconds: dict[str, list[float]] = {"worker": [], "floor": [], "sharp": []}
    for _ in range(ROUNDS):  # in turn, so that a machine that slows down slows all of them
        seconds["worker"].append(cpu_seconds(lambda: images.render(data, row.format)))
        seconds["floor"].append(cpu_seconds(floor))
        if sharp and (answer := sharp.cpu_seconds(path, becomes)):
            seconds["sharp"].append(answer)
    worker, least = (statistics.median(seconds[way]) for way in ("worker", "floor"))
    name = f"{row.format.name} to {becomes.name}, 12 MP"
    yield Figure(f"{name}: CPU, worker ÷ floor", worker / least, "×", row.most)
    yield Figure(f"{name}: CPU of the worker", worker * 1000, "ms")
    if seconds["sharp"]:
        most = 1.0 if row.format is FileFormat.JPEG else None
        yield Figure(f"{name}: CPU, worker ÷ sharp", worker / statistics.median(seconds["sharp"]), "×", most)


def as_png(data: bytes) -> bytes:
    sink = io.BytesIO()
    Image.open(io.BytesIO(data)).save(sink, "PNG", compress_level=1)
    return sink.getvalue()
