"""Two processes of one consumer, which are signalled as a container is, and started again as ECS would."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from devstack.processes import Child
from tests.e2e.world import World
from tests.soak.plain.consumers import SETTINGS, Consumer
from tests.soak.record import Record, access_key, place_of
from tests.soak.wires import Wires

PLACES = 2
STOP_TIMEOUT = 30.0
"""Seconds from SIGTERM to SIGKILL: what ECS gives by default."""


class Crew:
    """Each place has its own wires, which outlive the processes in it. A process is named by its access key."""

    def __init__(
        self, consumer: Consumer, world: World, targets: Mapping[str, str], record: Record, scratch: Path
    ) -> None:
        self._consumer = consumer
        self._world = world
        self._scratch = scratch
        self._wires = [Wires(place_of(access_key(place, 0)), targets, record) for place in range(PLACES)]
        self._children: dict[str, Child] = {}
        self._draining: dict[str, float] = {}
        self._frozen: dict[str, float] = {}
        self._started = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """The processes run until the block ends, and are killed then."""
        with ExitStack() as stack:
            for wires in self._wires:
                stack.enter_context(wires)
            for place in range(PLACES):
                self._start(place)
            try:
                yield
            finally:
                for child in self._children.values():
                    _signal(child, signal.SIGKILL)
                    child.wait(10)

    def _start(self, place: int) -> None:
        self._started += 1
        key, wires = access_key(place, self._started), self._wires[place]
        environment = self._world.environment(
            **SETTINGS,
            AWS_ACCESS_KEY_ID=key,
            AWS_ENDPOINT_URL_S3=wires.url("S3"),
            AWS_ENDPOINT_URL_SQS=wires.url("SQS"),
            CALLBACK_URL=f"{wires.url('receiver')}/callback/{key}",
        )
        log = self._scratch / f"{key}.log"
        self._children[key] = Child(self._consumer.command, log=log, environment=environment).__enter__()

    def tend(self) -> None:
        """Heal and thaw what is due, and start a process where one has ended or is being stopped."""
        now = time.time()
        for wires in self._wires:
            wires.tend()
        for key in [key for key, due in self._frozen.items() if due <= now]:
            _signal(self._children[key], signal.SIGCONT)
            del self._frozen[key]
        for key in [key for key, due in self._draining.items() if due <= now]:
            _signal(self._children[key], signal.SIGKILL)
            del self._draining[key]
        for place in range(PLACES):
            if not any(child.running for key, child in self._working() if place_of(key) == f"SOAK{place}"):
                self._start(place)

    def _working(self) -> list[tuple[str, Child]]:
        return [(key, child) for key, child in self._children.items() if key not in self._draining]

    def kill(self, key: str) -> None:
        _signal(self._children[key], signal.SIGKILL)

    def stop(self, key: str) -> None:
        """SIGTERM, to the first process of the container alone."""
        self._children[key].send(signal.SIGTERM)
        self._draining[key] = time.time() + STOP_TIMEOUT

    def freeze(self, key: str, seconds: float) -> None:
        _signal(self._children[key], signal.SIGSTOP)
        self._frozen[key] = time.time() + seconds

    def break_(self, service: str, fault: str, seconds: float, key: str | None = None) -> None:
        """The wire of this process's place, or of all places."""
        for place, wires in enumerate(self._wires):
            if key is None or place_of(key) == f"SOAK{place}":
                wires.break_(service, fault, seconds)


def _signal(child: Child, number: signal.Signals) -> None:
    """To all processes of the container."""
    if child.running:
        os.killpg(child.process.pid, number)
