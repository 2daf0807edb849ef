"""How the jobs ended, seen from outside: queues, endpoint and receiver, never the workers' word."""

from __future__ import annotations

from collections.abc import Sequence

from devstack.receiver import Callback
from tests.soak.evidence import DONE, Evidence, request_of
from tests.soak.findings import GIVEN_UP, REPEATED, Findings
from tests.soak.jobs import Sent
from tests.soak.record import COMPLETE, DELETE, RETURN

POISON = "POISON_MESSAGE"
HOLE = f"{GIVEN_UP}, acknowledged and then reported as failed"
"""What the worker can't help yet: `AcknowledgedAndFailed` in tests/properties/test_promise.py."""


def check_endings(sent: Sequence[Sent], evidence: Evidence, found: Findings) -> None:
    """Each job ended in exactly one of the two ways."""
    for each in sent:
        name = f"job {each.job_id} ({each.message_id})"
        done, dead = evidence.acknowledged(each), each.message_id in evidence.dead
        if not each.assets:
            found.counts["messages that name no job, in the DLQ without a callback"] += 1
            left = dead and not evidence.callbacks[each.message_id]
            found.must(left, f"{name} names no job, but isn't just left")
            continue
        found.must(bool(done) or dead, f"{name} is lost: neither acknowledged nor in the DLQ")
        if dead:
            _check_dead(each, evidence, found, name)
        elif done:
            found.counts["jobs done, acknowledged and deleted"] += 1
            found.must(not evidence.failures(each), f"{name} was reported as done and as failed")
            found.must(any(asset.good for asset in each.assets), f"{name} has nothing to process and is done")
        _check_repeats(done, evidence, found, name)


def _check_dead(sent: Sent, evidence: Evidence, found: Findings, name: str) -> None:
    good, done = any(asset.good for asset in sent.assets), evidence.acknowledged(sent)
    failures = {each.headers["webhook-id"] for each in evidence.failures(sent)}
    codes = {each.payload["error"]["code"] for each in evidence.failures(sent)}
    kind = GIVEN_UP if good else "jobs that couldn't be processed, in the DLQ"
    if failures:
        what = HOLE if done else f"{kind} and reported as {', '.join(sorted(codes))}"
        excused = all(evidence.excuses.of_a_repeat(request_of(each)) for each in done)
        found.must(excused, f"{name} was acknowledged and reported as failed", what)
        found.must(len(failures) == 1, f"{name} was reported under {len(failures)} webhook-ids")
    elif done:
        lost = evidence.was_of_the_last_receive(done[-1]) and evidence.excuses.of_a_repeat(request_of(done[-1]))
        what = "jobs done and acknowledged, in the DLQ for the want of a deletion"
        found.must(bool(lost), f"{name} is in the DLQ, though it was acknowledged", what)
    else:
        silence = evidence.excuses.of_silence(sent.message_id)
        what = f"{kind} and lost on the last receive"
        found.must(bool(silence), f"{name} is in the DLQ and nobody said so", what)
    if POISON in codes:
        found.must(bool(evidence.excuses.of_no_trace(sent.message_id)), f"{name} is {POISON}, but left a trace")
    elif good and (failures or not done):
        given_up = evidence.excuses.of_giving_up(sent.message_id)
        found.must(bool(given_up), f"{name} was given up, and not every receive of it met a fault of its own")


def _check_repeats(done: Sequence[Callback], evidence: Evidence, found: Findings, name: str) -> None:
    found.must(len({each.headers["webhook-id"] for each in done}) <= 1, f"{name} was done under two webhook-ids")
    found.must(len({str(each.payload["outputs"]) for each in done}) <= 1, f"{name} was done in two ways")
    for first in done[:-1]:
        excuse = evidence.excuses.of_a_repeat(request_of(first))
        found.must(bool(excuse), f"{name} called back twice for no reason", REPEATED)


def check_order(evidence: Evidence, found: Findings) -> None:
    """Acknowledged before deleted, reported as failed on the last receive alone, nothing without a lease."""
    received = {each.handle: each for each in evidence.record.deliveries}
    done: dict[str, float] = {}
    for callbacks in evidence.callbacks.values():
        for each in callbacks:
            request, status = request_of(each), each.payload["status"]
            receive = evidence.record.receive_of(request)
            name = f"{request.process}'s {status} of message {request.about}"
            if receive is None:
                found.wrong.append(f"{name}: it never received that")
                continue
            found.must(bool(evidence.excuses.of_acting_late(receive, request)), f"{name} came without a lease")
            last = evidence.was_of_the_last_receive(each)
            found.must(status in DONE or last, f"{name} came before the last receive")
            found.must(each.verdict == "genuine", f"{name} is {each.verdict}")
            if each.answered == 200 and status in DONE:
                done.setdefault(request.about, each.received_at)
    for request in (each for each in evidence.record.requests if each.operation == COMPLETE):
        found.wrong.append(f"{request.process} replaced the bundle of listing {request.about} without a condition")
    for request in (each for each in evidence.record.requests if each.operation in {DELETE, RETURN}):
        receive = received[request.about]
        name = f"message {receive.message_id}"
        held = evidence.excuses.of_acting_late(receive, request)
        found.must(bool(held), f"{name}: {request.process} had no lease for: {request.operation}")
        acknowledged = done.get(receive.message_id, float("inf")) <= request.since
        kept = acknowledged or request.operation == RETURN
        found.must(kept, f"{name} was deleted before anything was acknowledged")
