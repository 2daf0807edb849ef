"""How the jobs ended, seen from outside: queues, endpoint and receiver, never the workers' word."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from devstack.receiver import Callback
from tests.soak.evidence import DONE, Evidence, request_of
from tests.soak.findings import GIVEN_UP, REPEATED, Findings
from tests.soak.jobs import Sent
from tests.soak.record import COMPLETE, DELETE, EVERYBODY, OUT, RETURN

POISON = "POISON_MESSAGE"
GIVEN_BACK = "receives of good jobs that ended in an outage, for a reason of their own"
UNDELETED = "jobs done and acknowledged, in the DLQ for the want of a deletion"


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
        what = f"{kind} and reported as {', '.join(sorted(codes))}"
        found.must(not done, f"{name} was acknowledged and reported as failed", what)
        found.must(len(failures) == 1, f"{name} was reported under {len(failures)} webhook-ids")
    elif done:
        stayed = evidence.excuses.of_staying(sent.message_id, request_of(done[0]))
        found.must(bool(stayed), f"{name} is in the DLQ, though it was acknowledged", UNDELETED)
    else:
        silence = evidence.excuses.of_silence(sent.message_id)
        what = f"{kind} and lost on the last receive"
        found.must(bool(silence), f"{name} is in the DLQ and nobody said so", what)
    if POISON in codes:
        found.must(bool(evidence.excuses.of_poison(sent.message_id)), f"{name} is {POISON}, but not only deaths")
    elif good and (failures or not done):
        given_up = evidence.excuses.of_giving_up(sent.message_id)
        found.must(bool(given_up), f"{name} was given up, and not every receive of it met a fault of its own")


def _check_repeats(done: Sequence[Callback], evidence: Evidence, found: Findings, name: str) -> None:
    found.must(len({each.headers["webhook-id"] for each in done}) <= 1, f"{name} was done under two webhook-ids")
    found.must(len({str(each.payload["outputs"]) for each in done}) <= 1, f"{name} was done in two ways")
    for first, second in pairwise(map(request_of, done)):
        excuse = evidence.excuses.of_a_repeat(first, second)
        found.must(bool(excuse), f"{name} called back twice for no reason", REPEATED)
    for each in map(request_of, done):
        excuse = evidence.excuses.of_no_deletion(each)
        found.must(bool(excuse), f"{name} was acknowledged, and its message wasn't deleted for no reason")


def check_receives(sent: Sequence[Sent], evidence: Evidence, found: Findings) -> None:
    """An outage alone costs no receive: who gives a good job back meanwhile has a reason of its own."""
    good = {each.message_id for each in sent if any(asset.good for asset in each.assets)}
    received = {each.handle: each for each in evidence.record.deliveries}
    for request in (each for each in evidence.record.requests if each.operation == RETURN):
        receive = received[request.about]
        out = evidence.record.befell(EVERYBODY, set(OUT.values()), receive.at, request.since)
        if out and receive.message_id in good:
            own = evidence.excuses.of_a_receive(receive)
            what = f"message {receive.message_id}: {request.process} gave it back"
            found.must(bool(own), f"{what} for no reason but {out}", GIVEN_BACK)


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
