"""What goes wrong, when and where: the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from devstack import scripted
from devstack.scripted import SQS, AwsError

KILL, TERMINATE, FREEZE = "SIGKILL", "SIGTERM", "SIGSTOP"
SIGNALS = (KILL, TERMINATE, FREEZE)
SERVICES = ("S3", "SQS", "MediaConvert", "receiver")
WIRE_FAULTS = ("cut", "reset", "stalled", "delayed", "slow")
REFUSALS: Mapping[str, tuple[str, AwsError]] = {
    "S3: SlowDown on PutObject": ("PutObject", scripted.SLOW_DOWN),
    "S3: SlowDown on HeadObject": ("HeadObject", scripted.SLOW_DOWN),
    "S3: 500 on GetObject": ("GetObject", scripted.INTERNAL_ERROR),
    "S3: 500 on UploadPart": ("UploadPart", scripted.INTERNAL_ERROR),
    "S3: 500 on CompleteMultipartUpload": ("CompleteMultipartUpload", scripted.INTERNAL_ERROR),
    "S3: ExpiredToken on PutObject": ("PutObject", scripted.EXPIRED_TOKEN),
    "SQS: RequestThrottled on ReceiveMessage": (f"{SQS}ReceiveMessage", scripted.REQUEST_THROTTLED),
    "SQS: KmsThrottled on ReceiveMessage": (f"{SQS}ReceiveMessage", scripted.KMS_THROTTLED),
    "SQS: QueueDoesNotExist on ReceiveMessage": (f"{SQS}ReceiveMessage", scripted.QUEUE_DOES_NOT_EXIST),
    "SQS: 500 on DeleteMessage": (f"{SQS}DeleteMessage", scripted.INTERNAL_ERROR),
    "SQS: ReceiptHandleIsInvalid on a heartbeat": (
        f"{SQS}ChangeMessageVisibilityBatch",
        scripted.HANDLE_IS_INVALID,
    ),
    "SQS: ExpiredToken on a heartbeat": (f"{SQS}ChangeMessageVisibilityBatch", scripted.EXPIRED_TOKEN),
}
TRANSCODER_THROTTLED = "MediaConvert: TooManyRequestsException"
ANSWERS = ("receiver: 500", "receiver: 429 with Retry-After", "receiver: no answer")
OUTAGES = (
    "S3 out: unreachable", "S3 out: 503",
    "receiver out: unreachable", "receiver out: 503", "receiver out: 401",
    "MediaConvert out: unreachable", "MediaConvert out: 429",
)  # fmt: skip
OUTAGE_SHARE = (0.4, 0.5)
"""The part of the time between the beginnings of two outages that the first one lasts."""
BEFORE_OUTAGE = 0.3
"""The part of that time that comes before an outage, so that jobs are in hand."""
SPARED = 0.5
"""The part of all signals that don't come where something is out: nobody would live to see its end."""
EVERY = 1.2
"""Seconds between two faults, on average."""
FROZEN = 6.0
"""Seconds by which a process is frozen longer than a wire is broken: most of its leases are over then."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How a soak is: the weights of the faults that come more often than once among the others, and the jobs.

    `seconds` of faults, a listing every `listing_every` seconds. One of `videos` listings has a video, one of
    `large` a document that S3 copies into the bundle, four of `odd` listings something that can't be processed; in
    the first half of the time, one of `kept` listings has a message that can't be deleted, whoever tries. Every
    `outage_every` seconds something is out for everybody. MediaConvert finishes nothing in the first `held`
    seconds, and every `freeze_every` seconds all processes but one are frozen.
    For a hundred faults there may be so many `repeats` of an acknowledged callback and so many good jobs
    `given_up`; docs/proof.md has the baselines.
    """

    seconds: float
    max_receive_count: int = 6
    listing_every: float = 2.5
    videos: int = 5
    large: int = 6
    odd: int = 10
    kept: int = 10
    outage_every: float = 0.0
    held: float = 0.0
    freeze_every: float = 0.0
    repeats: float = 2.0
    given_up: float = 3.0
    weights: Mapping[str, float] = field(default_factory=lambda: {KILL: 6.0, TERMINATE: 4.0})


def long(seconds: float) -> Profile:
    """The profile of `make soak`: six outages of more than two minutes in half an hour, shorter ones in less.

    There are fewer jobs a minute, because what has come during an outage is to be done before the next one.
    """
    return Profile(seconds, listing_every=4.0, outage_every=min(300.0, seconds / 2))


@dataclass(frozen=True, slots=True)
class Fault:
    """`at` in seconds from the start; `seconds` is how long a broken wire lasts, `times` how many calls fail."""

    at: float
    name: str
    worker: int
    seconds: float
    times: int


@dataclass(frozen=True, slots=True)
class Outage:
    """`at` in seconds from the start, `seconds` is how long it lasts; `name` is one of OUTAGES."""

    at: float
    name: str
    seconds: float

    @property
    def service(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def how(self) -> str:
        return self.name.partition(": ")[2]


def wire(name: str) -> tuple[str, str] | None:
    """The service and the fault of a wire's fault, None of another."""
    service, _, fault = name.partition(": ")
    return (service, fault) if fault in WIRE_FAULTS else None


def names() -> tuple[str, ...]:
    """Every fault there is."""
    wires = (f"{service}: {fault}" for service in SERVICES for fault in WIRE_FAULTS)
    return (*SIGNALS, *wires, *REFUSALS, TRANSCODER_THROTTLED, *ANSWERS)


def plan(seed: int, profile: Profile, workers: int) -> Iterator[Fault]:
    """The profile's faults, in the order of their time."""
    rng = random.Random(seed)
    weights = [profile.weights.get(name, 1.0) for name in names()]
    out = list(outages(seed, profile))
    at = rng.expovariate(1 / EVERY)
    while at < profile.seconds:
        (name,) = rng.choices(names(), weights)
        fault = Fault(at, name, rng.randrange(workers), rng.uniform(0.5, 12), rng.randint(1, 6))
        is_out = any(each.at <= at <= each.at + each.seconds for each in out)
        if not (name in SIGNALS and is_out and rng.random() < SPARED):
            yield fault
        at += rng.expovariate(1 / EVERY)


def outages(seed: int, profile: Profile) -> Iterator[Outage]:
    """The profile's outages, one after the other: no kind comes again before each other has come."""
    rng, kinds = random.Random(seed + 2), list[str]()
    for number in range(int(profile.seconds / profile.outage_every) if profile.outage_every else 0):
        kinds = kinds or rng.sample(OUTAGES, len(OUTAGES))
        at = (number + BEFORE_OUTAGE) * profile.outage_every
        yield Outage(at, kinds.pop(), rng.uniform(*OUTAGE_SHARE) * profile.outage_every)


def freezes(profile: Profile, workers: int) -> Iterator[Fault]:
    """All processes but one at a time, for longer than their leases."""
    if profile.freeze_every:
        for number in range(1, int(profile.seconds / profile.freeze_every)):
            for worker in {*range(workers)} - {number % workers}:
                yield Fault(number * profile.freeze_every, FREEZE, worker, 5.0, 1)
