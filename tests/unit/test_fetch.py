from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from domain import fetch as fetch_module
from domain.errors import LeaseLost, Permanent, Stopped
from domain.fetch import fetch
from domain.model import Asset, Job
from domain.photo_buffer import PhotoBuffer
from domain.pipeline import process
from domain.rendition_cache import RenditionCache, RenditionRoom
from domain.run import Run
from tests.fakes import JPEG, MP4, FakeAttempt, FakeImages, FakeObjects, FakeTranscoder, make_ports

PHOTO = "28/raw/photo/horizontal/a.jpg"
VIDEO = "28/raw/video/vertical/v.mov"


class Noting(PhotoBuffer):
    """Notes who has room, and when."""

    def __init__(self, notes: list[str]) -> None:
        super().__init__(1000)
        self._notes = notes

    @contextmanager
    def holding(self, size: int, job: str, checkpoint: Callable[[], None]) -> Iterator[None]:
        with super().holding(size, job, checkpoint):
            self._notes.append(f"{job} has {size}")
            try:
                yield
            finally:
                self._notes.append("it has none")


class World:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.objects = FakeObjects()
        self.images = FakeImages()
        self.objects.put(PHOTO, JPEG)
        self.objects.put(VIDEO, MP4, "video/mp4")
        self.transcoder = FakeTranscoder(self.objects)

    def run(self, key: str) -> list[str]:
        """What happens to its bytes while pictures are made of it."""
        attempt = FakeAttempt()
        attempt.transcoder = self.transcoder
        buffer = Noting(self.notes)
        ports = make_ports(
            objects=self.objects, images=self.images, transcoder=self.transcoder, photo_buffer=buffer
        )

        def note(method: str, touched: str) -> None:
            if method in ("read", "write"):
                self.notes.append(method)

        self.objects.before = note
        process(Job(21, 28, "m-1", (Asset(key),)), attempt, ports)
        begin = next(at for at, noted in enumerate(self.notes) if "has" in noted)
        return self.notes[begin : self.notes.index("it has none") + 1]


@pytest.mark.parametrize(("key", "size"), [(PHOTO, len(JPEG)), (VIDEO, len(JPEG + b" frame 1"))])
def test_a_picture_has_room_from_its_fetching_until_its_renditions_are_stored(key: str, size: int) -> None:
    assert World().run(key) == [f"m-1 has {size}", "read", *["write"] * 4, "it has none"]


@pytest.mark.parametrize("error", [Permanent("it can't be decoded"), Stopped("the worker is shutting down")])
def test_what_ends_otherwise_gives_its_room_back(error: Exception) -> None:
    world = World()

    def fail(data: bytes) -> None:
        raise error

    world.images.before = fail
    with pytest.raises(type(error)):
        world.run(PHOTO)
    assert world.notes[-3:] == [f"m-1 has {len(JPEG)}", "read", "it has none"]


@pytest.mark.parametrize(("size", "looks"), [(1000, 1), (1001, 5)])
def test_of_a_large_picture_the_lease_is_looked_at_between_its_chunks(
    monkeypatch: pytest.MonkeyPatch, size: int, looks: int
) -> None:
    monkeypatch.setattr(fetch_module, "AT_ONCE", 1000)

    class Chunked(FakeObjects):
        def read(self, key: str, etag: str, extent: range | None = None) -> Iterator[bytes]:
            data = b"".join(super().read(key, etag, extent))
            yield from (data[start : start + 300] for start in range(0, len(data), 300))

    objects, attempt, looked = Chunked(), FakeAttempt(), []
    attempt.before_checkpoint = lambda: looked.append(1)
    data = bytes(range(250)) * 4 + b"!" * (size - 1000)
    objects.put(PHOTO, data)
    run = Run(Job(21, 28, "m-1"), attempt, make_ports(objects=objects), RenditionCache(RenditionRoom(0)))
    assert fetch(run, PHOTO, objects.stored[PHOTO].etag, size) == data
    assert len(looked) == looks


def test_a_large_picture_is_not_read_to_its_end_where_the_lease_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_module, "AT_ONCE", 2)
    read: list[int] = []

    class Chunked(FakeObjects):
        def read(self, key: str, etag: str, extent: range | None = None) -> Iterator[bytes]:
            for number in range(3):
                read.append(number)
                yield b"chunk"

    objects, attempt = Chunked(), FakeAttempt()
    objects.put(PHOTO, JPEG)

    def lost() -> None:
        if read:
            raise LeaseLost("another worker has it")

    attempt.before_checkpoint = lost
    run = Run(Job(21, 28, "m-1"), attempt, make_ports(objects=objects), RenditionCache(RenditionRoom(0)))
    with pytest.raises(LeaseLost):
        fetch(run, PHOTO, objects.stored[PHOTO].etag, len(JPEG))
    assert read == [0]
