"""The members' bytes, read ahead of their use and side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial

from domain.bundle.flight import Flight
from domain.bundle.plan import MIB, Stretch
from domain.run import Run

AHEAD = 8 * MIB
"""How many bytes are read before they are needed. What is longer is streamed."""
SIDE_BY_SIDE = 16


def read_ahead(run: Run, stretches: Iterable[Stretch]) -> Generator[Iterator[bytes], None, None]:
    """The chunks of each stretch, in order. What this attempt rendered isn't read again.

    Close it, should an error end its use: it waits for what is under way. The garbage collector would close it in
    any thread, also in one that is reading for it and would wait for itself.
    """
    with Flight[bytes](run.ports.transfers, AHEAD, run.attempt.checkpoint) as flight:
        waiting: deque[Callable[[], Iterator[bytes]]] = deque()
        for stretch in stretches:
            if (kept := _in_memory(run, stretch)) is not None:
                waiting.append(partial(iter, (kept,)))
            elif len(stretch.extent) > AHEAD:
                waiting.append(partial(_read, run, stretch))
            else:
                weight = max(len(stretch.extent), AHEAD // SIDE_BY_SIDE)
                while not flight.has_room(weight):
                    yield waiting.popleft()()
                flight.start(weight, partial(_whole, run, stretch))
                waiting.append(lambda: iter((flight.take(),)))
        while waiting:
            yield waiting.popleft()()


def _in_memory(run: Run, stretch: Stretch) -> bytes | None:
    if not stretch.extent:
        return b""
    kept = run.renditions.get(stretch.source.key, stretch.source.etag)
    return kept if kept is None else kept[stretch.extent.start : stretch.extent.stop]


def _read(run: Run, stretch: Stretch) -> Iterator[bytes]:
    source, extent = stretch.source, stretch.extent
    part = None if len(extent) == source.size else extent
    run.attempt.checkpoint()
    for chunk in run.ports.objects.read(source.key, source.etag, part):
        run.attempt.checkpoint()
        yield chunk


def _whole(run: Run, stretch: Stretch) -> bytes:
    return b"".join(_read(run, stretch))
