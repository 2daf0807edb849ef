"""How far memory rises above the idle process, each in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from adapters.pictures.pillow import PillowImages
from benchmarks.figure import Figure
from benchmarks.thumbnails import photo
from devstack.processes import memory
from domain.content import FileFormat

PHOTO_LIMIT_MB = 150.0


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
