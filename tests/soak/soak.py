"""The soak: jobs and faults by plan, then quiet until the queue is empty, then the reckoning."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from devstack.clips import clip
from devstack.mediaconvert import MediaConvertEmulator
from devstack.receiver import Receiver
from tests.e2e.world import SECRET, World
from tests.soak.checks import check_endings, check_order, check_receives
from tests.soak.endpoint import WatchedEndpoint
from tests.soak.evidence import Evidence
from tests.soak.findings import Findings
from tests.soak.fleet import WORKERS, Fleet
from tests.soak.jobs import VIDEO_SIZE, Backend, Sent
from tests.soak.outputs import check_bundles, check_left_overs, check_outputs, check_videos
from tests.soak.plan import Profile, freezes, outages, plan
from tests.soak.record import Record
from tests.soak.services import Services
from tests.soak.switchboard import Switchboard
from tests.soak.transcoder import WatchedTranscoder

QUIET = 900.0
"""Seconds after the last fault in which all must have ended: the longest delay of a retry."""
TICK = 0.2
EXITS = {0, 1, -9, -15}
"""1: it couldn't start while a wire was broken; -15: told to stop before it had begun."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was survived, and what wasn't; `seconds` from the first fault to the empty queue."""

    seed: int
    seconds: float
    faults: Counter[str]
    exits: Counter[int]
    found: Findings

    def table(self) -> str:
        """Markdown."""
        faults = [f"| {name} | {times} |" for name, times in sorted(self.faults.items())]
        counts = [f"| {what} | {count} |" for what, count in sorted(self.found.counts.items())]
        exits = ", ".join(f"{status}: {count}" for status, count in sorted(self.exits.items()))
        return "\n".join(
            [
                f"Seed {self.seed}: {self.faults.total()} faults, over and empty after {self.seconds:.0f} s. "
                f"Processes ended, by exit status: {exits}.",
                "", "| Fault | times |", "|---|---|", *faults,
                "", "| Outcome | count |", "|---|---|", *counts,
            ]
        )  # fmt: skip


def run(
    endpoint: str,
    scratch: Path,
    seed: int,
    profile: Profile,
    code: Mapping[str, str],
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Let three workers live through the seed's faults for so long, and see what became of the jobs.

    `code` is what the workers' environment says of where their code is; `say` hears of each minute.
    """
    video = clip(scratch / "tour.mp4", VIDEO_SIZE, seconds=1, sound=True).read_bytes()
    record = Record()
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver(SECRET))
        aws = stack.enter_context(WatchedEndpoint(endpoint, record))
        world = World(endpoint, receiver, scratch, profile.max_receive_count)
        emulator = stack.enter_context(MediaConvertEmulator(world.s3))
        transcoder = stack.enter_context(WatchedTranscoder(emulator.url, record))
        switchboard = stack.enter_context(Switchboard(world, aws, transcoder, emulator, record))
        backend = Backend(world, aws.kept, seed, profile, video)
        fleet = Fleet(Services(world, aws, emulator, switchboard), record, scratch, code)
        started = time.time()
        with fleet.running():
            _live_through(seed, profile, backend, fleet, emulator, say)
            fleet.calm()
            _wait_until_empty(world, fleet)
            lasted = time.time() - started
        evidence = Evidence(record, receiver.callbacks, _dead_letters(world), profile.max_receive_count)
        found = _reckon(world, backend.sent, evidence, emulator, scratch)
        found.must(EXITS.issuperset(fleet.exits), f"workers ended with other statuses: {Counter(fleet.exits)}")
        found.check_budgets(profile, fleet.faults.total())
        found.wrong.extend(fleet.unexpected_errors())
        found.counts["bundles completed of which S3 had copied a part"] = len(record.copied)
        found.must(bool(record.copied or code), "S3 copied a part of no bundle")  # no mutant is found by that
    return Outcome(seed, lasted, fleet.faults, Counter(fleet.exits), found)


def _reckon(
    world: World, sent: Sequence[Sent], evidence: Evidence, emulator: MediaConvertEmulator, scratch: Path
) -> Findings:
    found = Findings()
    check_order(evidence, found)
    check_endings(sent, evidence, found)
    check_receives(sent, evidence, found)
    check_outputs(world, sent, evidence, found, scratch)
    check_bundles(world, sent, evidence, found)
    check_left_overs(world, sent, evidence, found)
    check_videos(sent, evidence, emulator, found)
    return found


def _live_through(
    seed: int,
    profile: Profile,
    backend: Backend,
    fleet: Fleet,
    emulator: MediaConvertEmulator,
    say: Callable[[str], None],
) -> None:
    events: list[tuple[float, Callable[[], None]]] = [
        (number * profile.listing_every, backend.send_listing)
        for number in range(int(profile.seconds / profile.listing_every))
    ]
    faults = [*plan(seed, profile, WORKERS), *freezes(profile, WORKERS)]
    events += [(fault.at, lambda fault=fault: fleet.cause(fault)) for fault in faults]  # type: ignore[misc]
    events += [(outage.at, lambda outage=outage: fleet.go_out(outage)) for outage in outages(seed, profile)]  # type: ignore[misc]
    events += [(0.0, emulator.hold), (profile.held, emulator.release)]
    events += [
        (minute * 60, lambda minute=minute: say(f"{minute} min: {backend.progress()}"))  # type: ignore[misc]
        for minute in range(1, int(profile.seconds / 60) + 1)
    ]
    started = time.monotonic()
    for at, happen in sorted(events, key=lambda event: event[0]):
        while (left := started + at - time.monotonic()) > 0:
            threading.Event().wait(min(left, TICK))
            fleet.tend()
        happen()


def _wait_until_empty(world: World, fleet: Fleet) -> None:
    deadline = time.monotonic() + QUIET
    while world.depth(world.queue_url) and time.monotonic() < deadline:
        threading.Event().wait(TICK)
        fleet.tend()


def _dead_letters(world: World) -> set[str]:
    found: set[str] = set()
    while messages := world.sqs.receive_message(
        QueueUrl=world.dlq_url, MaxNumberOfMessages=10, VisibilityTimeout=3600
    ).get("Messages", []):
        found |= {message["MessageId"] for message in messages}
    return found
