"""The reckoning on endings that are known to be bad: each rule must say so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devstack.receiver import Callback
from tests.soak.checks import check_endings, check_order, check_receives
from tests.soak.evidence import Evidence
from tests.soak.findings import Findings
from tests.soak.jobs import Asset, Kind, Sent
from tests.soak.plan import KILL
from tests.soak.record import COMPLETE, DELETE, EVERYBODY, OUT, PUT, RETURN, Delivery, Record, Request, Trouble

LAST = 2
GOOD = Sent("m", 10, 5, (Asset("5/raw/photo/a.jpg", Kind.PHOTO),))
BAD = Sent("m", 10, 5, (Asset("5/raw/photo/a.jpg", Kind.BROKEN),))


def callback(
    status: str, at: float, process: str = "SOAK0N1", answered: int | None = 200, code: str = ""
) -> Callback:
    error = {"code": code} if code else None
    payload = {"externalId": "m", "status": status, "outputs": list[object](), "error": error}
    headers = {"webhook-id": f"msg_{status}"}
    return Callback(f"/callback/{process}", headers, b"", payload, "genuine", at, answered)


def delivery(count: int, at: float, process: str = "SOAK0N1") -> Delivery:
    return Delivery("m", f"h{count}", "5", count, process, at - 1, at)


def deletion(at: float, handle: str = "h1", process: str = "SOAK0N1") -> Request:
    return Request(process, "SQS", DELETE, handle, at, at)


def reckoned(
    sent: Sent, *noted: Delivery | Request | Trouble, callbacks: tuple[Callback, ...] = (), dead: bool = False
) -> str:
    """What is wrong, in lines."""
    record = Record(
        [each for each in noted if isinstance(each, Delivery)],
        [each for each in noted if isinstance(each, Request)],
        [each for each in noted if isinstance(each, Trouble)],
    )
    evidence, found = Evidence(record, callbacks, {"m"} if dead else set(), LAST), Findings()
    check_order(evidence, found)
    check_endings([sent], evidence, found)
    check_receives([sent], evidence, found)
    return "\n".join(found.wrong)


def test_a_job_that_was_done_once_and_deleted_is_right() -> None:
    assert not reckoned(GOOD, delivery(1, 1), deletion(3), callbacks=(callback("SUCCEEDED", 2),))


def test_a_job_that_ended_in_neither_way_is_lost() -> None:
    assert "is lost" in reckoned(GOOD, delivery(1, 1))


def test_a_deletion_before_the_acknowledgement_is_wrong() -> None:
    done = callback("SUCCEEDED", 2)
    assert "before anything was acknowledged" in reckoned(GOOD, delivery(1, 1), deletion(1.5), callbacks=(done,))
    both = (callback("SUCCEEDED", 1.2, answered=500), done)
    assert "before anything was acknowledged" in reckoned(GOOD, delivery(1, 1), deletion(1.5), callbacks=both)


def test_a_repeat_without_a_fault_is_wrong_and_one_with_its_own_is_not() -> None:
    twice = (callback("SUCCEEDED", 2), callback("SUCCEEDED", 12, "SOAK1N2"))
    receives = (delivery(1, 1), delivery(2, 11, "SOAK1N2"), deletion(13, "h2", "SOAK1N2"))
    assert "called back twice for no reason" in reckoned(GOOD, *receives, callbacks=twice)
    assert not reckoned(GOOD, *receives, Trouble(KILL, "SOAK0N1", 2), callbacks=twice)


@pytest.mark.parametrize("code", ["VALIDATION_ERROR", "POISON_MESSAGE"])
def test_a_failure_before_the_last_receive_is_wrong(code: str) -> None:
    early = (callback("PROCESSING_FAILED", 2, code=code), callback("PROCESSING_FAILED", 12, code=code))
    assert "before the last" in reckoned(BAD, delivery(1, 1), delivery(2, 11), callbacks=early, dead=True)


def test_poison_is_wrong_unless_the_process_died_each_time() -> None:
    poison = (callback("PROCESSING_FAILED", 12, code="POISON_MESSAGE"),)
    receives = (delivery(1, 1), delivery(2, 11))
    assert "not only deaths" in reckoned(BAD, *receives, callbacks=poison, dead=True)
    assert not reckoned(BAD, *receives, Trouble(KILL, "SOAK0N1", 2), callbacks=poison, dead=True)
    assert not reckoned(BAD, *receives, Trouble(KILL, "SOAK0N1", 2), callbacks=poison[:0], dead=True)


def test_a_good_job_in_the_dlq_is_wrong_unless_each_receive_met_a_fault() -> None:
    failed = (callback("PROCESSING_FAILED", 12, "SOAK1N2", code="PROCESSING_FAILED"),)
    receives = (delivery(1, 1), delivery(2, 11, "SOAK1N2"), Trouble(KILL, "SOAK0N1", 2))
    assert "was given up" in reckoned(GOOD, *receives, callbacks=failed, dead=True)
    refused = Request("SOAK1N2", "S3", PUT, "5", 11.5, 11.6, 500, planned=True)
    assert not reckoned(GOOD, *receives, refused, callbacks=failed, dead=True)


def test_a_dlq_without_a_word_is_wrong_unless_the_last_receive_was_lost() -> None:
    receives = (delivery(1, 1), delivery(2, 11, "SOAK1N2"))
    assert "nobody said so" in reckoned(BAD, *receives, dead=True)
    assert not reckoned(BAD, *receives, Trouble(KILL, "SOAK1N2", 12), dead=True)


def test_two_different_failures_of_one_job_are_wrong() -> None:
    codes = ("PROCESSING_FAILED", "VALIDATION_FAILED")
    both = tuple(callback(code, 12, code="VALIDATION_ERROR") for code in codes)
    found = reckoned(BAD, delivery(1, 1), delivery(2, 11), callbacks=both, dead=True)
    assert "under 2 webhook-ids" in found


def test_acknowledged_and_in_the_dlq_is_wrong_unless_its_deletion_was_lost() -> None:
    done = (callback("SUCCEEDED", 12),)
    receives = (delivery(1, 1), delivery(2, 11))
    assert "though it was acknowledged" in reckoned(GOOD, *receives, callbacks=done, dead=True)
    assert not reckoned(GOOD, *receives, Trouble(KILL, "SOAK0N1", 12), callbacks=done, dead=True)
    early, killed = (callback("SUCCEEDED", 2),), Trouble(KILL, "SOAK0N1", 2)
    elsewhere = (delivery(1, 1), delivery(2, 11, "SOAK1N2"), killed)
    assert "though it was acknowledged" in reckoned(GOOD, *elsewhere, callbacks=early, dead=True)


def test_acknowledged_and_reported_as_failed_is_wrong_whatever_happened() -> None:
    failed = callback("PROCESSING_FAILED", 12, "SOAK1N2", code="PROCESSING_FAILED")
    both, receives = (callback("SUCCEEDED", 2), failed), (delivery(1, 1), delivery(2, 11, "SOAK1N2"))
    killed, again = Trouble(KILL, "SOAK0N1", 2), Trouble(KILL, "SOAK1N2", 12.5)
    found = reckoned(GOOD, *receives, killed, again, callbacks=both, dead=True)
    assert found.endswith("acknowledged and reported as failed")


def test_an_acknowledged_job_whose_deletion_nobody_tried_is_wrong() -> None:
    assert "wasn't deleted for no reason" in reckoned(GOOD, delivery(1, 1), callbacks=(callback("SUCCEEDED", 2),))


def test_a_job_that_is_given_back_in_an_outage_for_no_other_reason_is_wrong() -> None:
    back, done = replace(deletion(5), operation=RETURN), callback("SUCCEEDED", 22, "SOAK1N2")
    rest = (delivery(1, 1), back, delivery(2, 21, "SOAK1N2"), deletion(23, "h2", "SOAK1N2"))
    out = Trouble(OUT["S3"], EVERYBODY, 4, 20)
    assert "gave it back for no reason but S3: out" in reckoned(GOOD, *rest, out, callbacks=(done,))
    assert not reckoned(GOOD, *rest, out, Trouble(KILL, "SOAK0N1", 4.5), callbacks=(done,))
    assert not reckoned(GOOD, *rest, Trouble(OUT["S3"], EVERYBODY, 6, 20), callbacks=(done,))


def test_a_callback_a_deletion_or_a_return_after_the_lease_is_wrong() -> None:
    assert "came without a lease" in reckoned(GOOD, delivery(1, 1), callbacks=(callback("SUCCEEDED", 20),))
    late = reckoned(GOOD, delivery(1, 1), deletion(20), callbacks=(callback("SUCCEEDED", 2),))
    assert "had no lease for: DeleteMessage" in late
    returned = replace(deletion(20), operation=RETURN)
    assert "had no lease for: return" in reckoned(GOOD, delivery(1, 1), returned)


def test_a_bundle_replaced_without_a_condition_is_wrong() -> None:
    blind = Request("SOAK0N1", "S3", COMPLETE, "5", 2, 2)
    done = (callback("SUCCEEDED", 2),)
    assert "without a condition" in reckoned(GOOD, delivery(1, 1), blind, deletion(3), callbacks=done)


def test_a_callback_with_a_bad_signature_is_wrong() -> None:
    forged = replace(callback("SUCCEEDED", 2), verdict="forged")
    assert "is forged" in reckoned(GOOD, delivery(1, 1), deletion(3), callbacks=(forged,))


def test_a_callback_of_what_was_never_received_is_wrong() -> None:
    done = (callback("SUCCEEDED", 2, "SOAK1N2"),)
    assert "never received that" in reckoned(GOOD, delivery(1, 1), callbacks=done)
