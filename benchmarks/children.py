"""What it costs to render in child processes: CPU a photo, and how much faster two of them are than one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

from adapters.decoders.boot import Serving
from adapters.decoders.limits import Limits
from adapters.decoders.pool import Decoders
from adapters.pictures.pillow import PillowImages
from benchmarks.figure import Figure
from benchmarks.thumbnails import cpu_seconds, photo
from domain.content import FileFormat
from worker.bootstrap import RENDERER

ROUNDS = 7
PHOTOS = 20
MOST_PIXELS = 100_000_000
MOST_OF_IN_PROCESS = 1.06
LEAST_OF_TWO = 1.9


def decoders(processes: int) -> Decoders:
    return Decoders(Serving(RENDERER, (MOST_PIXELS,)), Limits(processes, 1 << 30, 60), lambda reason: None)


def cpu_of_children() -> float:
    """Seconds of CPU of this process's children, as the scheduler has them: stat(5)'s are whole 10 ms."""
    tasks = Path("/proc/self/task").glob("*/children")
    pids = {pid for task in tasks for pid in task.read_text().split()}
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e9


def measure() -> Iterator[Figure]:
    data = photo(4000, 3000)
    with closing(decoders(1)) as one, closing(decoders(2)) as two:
        for each in (one, two):
            seconds_of_all(each, data)  # the children start
        yield cpu(one, data)
        seconds = [(seconds_of_all(one, data), seconds_of_all(two, data)) for _ in range(ROUNDS)]
    ratio = statistics.median(of_one / of_two for of_one, of_two in seconds)
    yield Figure("children, 12 MP: photos a second, two ÷ one", ratio, "×", LEAST_OF_TWO, lowest=True)


def cpu(one: Decoders, data: bytes) -> Figure:
    images = PillowImages(MOST_PIXELS)
    ways: dict[str, Callable[[], object]] = {
        "child": lambda: one.render(data, FileFormat.JPEG, "job", "a.jpg", lambda: None),
        "here": lambda: images.render(data, FileFormat.JPEG),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):  # in turn, so that a machine that slows down slows both
        for way, work in ways.items():
            before = cpu_of_children()
            here = cpu_seconds(work)
            seconds[way].append(here + cpu_of_children() - before)
    child, here = (statistics.median(seconds[way]) for way in ways)
    return Figure("children, 12 MP: CPU, in a child ÷ in-process", child / here, "×", MOST_OF_IN_PROCESS)


def seconds_of_all(images: Decoders, data: bytes) -> float:
    """Of the clock, for photos of one job, all at once."""
    before = time.monotonic()
    with ThreadPoolExecutor(PHOTOS) as threads:
        render = partial(images.render, data, FileFormat.JPEG, "job", "a.jpg", lambda: None)
        for done in [threads.submit(render) for _ in range(PHOTOS)]:
            done.result()
    return time.monotonic() - before
