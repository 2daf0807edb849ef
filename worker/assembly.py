"""Makes the parts of the worker and connects them; the adapters are passed in."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from domain.journal import Journals
from domain.model import Job
from domain.ports import Ports
from domain.protection import TaskProtection
from domain.queue import Message, Queue
from worker.deletion import Deletion
from worker.handler import Handler
from worker.health import Health
from worker.in_flight import InFlight
from worker.lease import Leases
from worker.metrics import Metrics
from worker.outages import Outages
from worker.poller import Poller
from worker.protection import Protection
from worker.service import Service
from worker.settler import Settler
from worker.slots import Slots
from worker.waiting import Waiting
from worker.watcher import Watcher

MOST_WAITING = 200
"""How many jobs that only wait, for a video or the end of an outage, are in hand beside the others."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What the worker is given: the world through ports, time (`clock` counts seconds) and randomness."""

    queue: Queue
    journals: Journals
    ports: Ports
    parse: Callable[[Message], Job]
    clock: Callable[[], float]
    rng: random.Random
    task: TaskProtection
    metrics: Metrics
    outages: Outages
    wait: Callable[[threading.Event, float], bool] = threading.Event.wait


@dataclass(frozen=True, slots=True)
class Worker:
    """The parts that are started, shut down, asked or looked at."""

    service: Service
    health: Health
    poller: Poller
    handler: Handler
    in_flight: InFlight
    leases: Leases
    slots: Slots
    watcher: Watcher
    outages: Outages
    metrics: Metrics


def assemble(outside: Outside, concurrency: int, visibility_timeout: int, job_timeout: float) -> Worker:
    """Make the parts; `concurrency` is how many jobs have a place, both time-outs are in seconds."""
    clock, metrics, ports, outages = outside.clock, outside.metrics, outside.ports, outside.outages
    leases = Leases(outside.queue, visibility_timeout, clock, metrics)
    slots = Slots(concurrency, MOST_WAITING, outages.places)
    watcher = Watcher(ports.transcoder, clock, outside.rng, outages.noticed)
    waiting = Waiting(slots, outages, watcher, Protection(outside.task, slots, metrics, clock), metrics)
    in_flight = InFlight(leases, outside.journals, waiting, metrics, job_timeout, clock)
    deletion = Deletion(outside.queue, leases, clock, outside.wait)
    settler = Settler(outside.queue, leases, deletion, ports.backend, metrics, ports.now)
    handler = Handler(outside.parse, in_flight, settler, ports, outside.rng)
    poller = Poller(leases, slots, handler, metrics, clock, outside.rng)
    service = Service(poller, leases, waiting, in_flight, handler, clock)
    health = Health(poller, leases, in_flight, outages, metrics, clock)
    return Worker(service, health, poller, handler, in_flight, leases, slots, watcher, outages, metrics)
