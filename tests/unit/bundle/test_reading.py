"""Reads are ahead and side by side, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from domain.bundle.plan import MIB, Stretch
from domain.bundle.reading import AHEAD, SIDE_BY_SIDE, read_ahead
from domain.model import Job
from domain.ports import Entry
from domain.rendition_cache import RenditionCache, RenditionRoom
from domain.run import Run
from tests.fakes import FakeAttempt, FakeObjects, SameThread, make_ports


class Pool(SameThread):
    """Counts what was handed to it."""

    def __init__(self) -> None:
        self.submitted = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.submitted += 1
        return super().submit(fn, *args, **kwargs)


class Lazy(FakeObjects):
    """Objects of zeros, of whatever size, in chunks of a mebibyte; counts these."""

    def __init__(self) -> None:
        super().__init__()
        self.chunks = 0

    def read(self, key: str, etag: str, extent: range | None = None) -> Iterator[bytes]:
        for _ in range(int(key) // MIB):
            self.chunks += 1
            yield bytes(MIB)


def reading(*sizes: int) -> tuple[Pool, Lazy, Iterator[Iterator[bytes]]]:
    pool, objects = Pool(), Lazy()
    run = Run(
        Job(21, 28, "m-1"),
        FakeAttempt(),
        make_ports(objects=objects, transfers=pool),
        RenditionCache(RenditionRoom(MIB)),
    )
    run.renditions.keep("kept", "etag", b"0123456789")
    stretches = [Stretch(Entry(str(size), "etag", size), range(size)) for size in sizes]
    stretches.insert(1, Stretch(Entry("kept", "etag", 10), range(3, 5)))
    stretches.insert(1, Stretch(Entry("7", "etag", 7), range(0)))
    return pool, objects, read_ahead(run, stretches)


def test_they_come_in_order_whether_read_or_not() -> None:
    pool, _, reads = reading(2 * MIB, MIB, AHEAD + MIB, MIB)
    assert [sum(map(len, chunks)) for chunks in reads] == [2 * MIB, 0, 2, MIB, AHEAD + MIB, MIB]
    assert pool.submitted == 3, "neither what is in memory, nor what has no bytes, nor what is streamed"


def test_no_more_small_ones_are_asked_for_than_side_by_side() -> None:
    pool, _, reads = reading(*[MIB // 2] * 100)
    next(reads)
    assert pool.submitted <= SIDE_BY_SIDE


def test_no_more_bytes_are_read_ahead_than_are_allowed() -> None:
    _, objects, reads = reading(*[4 * MIB] * 100)
    next(reads)
    assert objects.chunks * MIB <= AHEAD


def test_what_is_longer_is_read_as_it_is_used() -> None:
    _, objects, reads = reading(100 * MIB)
    chunks = next(reads)
    next(chunks)
    assert objects.chunks == 1
