"""The rules on a message that comes again and on leases, on records that are known to be bad."""

from __future__ import annotations

import pytest

from tests.soak.plan import FREEZE, KILL, TERMINATE
from tests.soak.record import DELETE, EVERYBODY, EXTEND, NOTE, OUT, PUT, RETURN, Delivery, Request, Trouble
from tests.soak.records import LAST, ME, MY_PLACE, OTHER, TWIN, callback, delivery, excuses, request


class TestARepeat:
    """Received at 100, acknowledged at 102; the message came again, and elsewhere it was called back at 120."""

    REPEAT = callback(120, OTHER)

    def excuse(self, *noted: Delivery | Request | Trouble, at: float = 102) -> str:
        found = excuses(delivery(1, 100), delivery(2, 119, OTHER), *noted)
        return found.of_a_repeat(callback(at), self.REPEAT)

    @pytest.mark.parametrize(
        "fault",
        [
            request(PUT, 102.1, about="5", status=503),
            request("GetObject", 102.1, about="5", status=503),
            Trouble("S3: cut", MY_PLACE, 101, 104),
            Trouble(OUT["S3"], EVERYBODY, 90, 130),
            Trouble("receiver: reset", MY_PLACE, 102, 103),
            Trouble(OUT["receiver"], EVERYBODY, 102.05, 130),
            Trouble(KILL, ME, 102.1),
            Trouble(KILL, ME, 101.9),
            Trouble(TERMINATE, ME, 98, 103),
            Trouble(FREEZE, ME, 102, 113),
        ],
    )
    def test_is_excused_by_what_kept_the_acknowledgement_from_being_noted(self, fault: Request | Trouble) -> None:
        assert self.excuse(fault)

    @pytest.mark.parametrize(
        "elsewhere",
        [
            request(DELETE, 102.1, status=500),
            request(EXTEND, 102.1, status=400),
            request(PUT, 102.1, about="6", status=503),
            request(PUT, 102.1, about="5", process=TWIN, status=503),
            Trouble("SQS: cut", MY_PLACE, 101, 104),
            Trouble("SQS: stalled", MY_PLACE, 102, 112),
            Trouble("S3: cut", "SOAK2", 101, 104),
            Trouble("S3: cut", MY_PLACE, 90, 99),
            Trouble("S3: cut", MY_PLACE, 106, 110),
            Trouble("S3: delayed", MY_PLACE, 101, 110),
            Trouble("receiver: cut", MY_PLACE, 90, 101),
            Trouble(OUT["receiver"], EVERYBODY, 90, 101),
            Trouble(KILL, OTHER, 102.1),
            Trouble(KILL, TWIN, 102.1),
            Trouble(KILL, ME, 120),
            Trouble(TERMINATE, ME, 101, 120),
            Trouble(TERMINATE, TWIN, 98, 103),
            Trouble(FREEZE, ME, 110, 120),
        ],
    )
    def test_is_not_excused_by_a_fault_elsewhere(self, elsewhere: Request | Trouble) -> None:
        assert not self.excuse(elsewhere)

    def test_is_not_excused_without_a_fault_nor_without_a_receive(self) -> None:
        assert not self.excuse()
        assert not excuses(Trouble(KILL, ME, 102)).of_a_repeat(callback(102), self.REPEAT)

    def test_is_not_excused_once_the_acknowledgement_is_in_the_bucket(self) -> None:
        killed = Trouble(KILL, ME, 102.5)
        assert not self.excuse(request(NOTE, 102.1, "m"), killed)
        assert not self.excuse(request(NOTE, 102.1, "m"), Trouble("receiver: cut", MY_PLACE, 102, 103))
        assert self.excuse(request(NOTE, 119.8, "m"), killed)  # the repeat was on its way by then
        held_up = Trouble("receiver: stalled", OTHER, 110, 119.9)
        assert self.excuse(request(NOTE, 102.1, "m"), killed, held_up)

    def test_of_the_same_receive_is_excused_by_a_lost_acknowledgement_alone(self) -> None:
        again = callback(104)
        for fault, excused in (
            (Trouble("receiver: cut", MY_PLACE, 102, 103), True),
            (Trouble(KILL, ME, 104), False),
        ):
            assert bool(excuses(delivery(1, 100), fault).of_a_repeat(callback(102), again)) is excused

    def test_is_excused_by_a_lease_whose_extensions_were_refused_until_it_was_over(self) -> None:
        assert self.excuse(request(EXTEND, 103, status=404), at=109)

    def test_is_not_excused_by_a_refusal_that_a_later_extension_made_good(self) -> None:
        refused, extended = request(EXTEND, 103, status=404), request(EXTEND, 104)
        assert not self.excuse(refused, extended, at=109)

    @pytest.mark.parametrize(
        ("slow", "extended_at", "excused"),
        [
            (Trouble("SQS: delayed", MY_PLACE, 105, 110), 108.0, True),
            (Trouble("SQS: slow", MY_PLACE, 105, 110), 108.0, True),
            (Trouble("SQS: delayed", MY_PLACE, 105, 110), 106.0, False),
            (Trouble("SQS: delayed", OTHER, 105, 110), 108.0, False),
            (Trouble("receiver: delayed", MY_PLACE, 105, 110), 108.0, False),
        ],
    )
    def test_is_excused_by_refusals_and_then_an_extension_whose_answer_was_slowed_down_until_the_lease_was_over(
        self, slow: Trouble, extended_at: float, excused: bool
    ) -> None:
        refused, extended = request(EXTEND, 104, status=404), request(EXTEND, extended_at)
        assert bool(self.excuse(refused, extended, slow, at=109)) is excused

    def test_is_not_excused_by_a_lease_that_nobody_extended(self) -> None:
        assert not self.excuse(at=109)
        assert not self.excuse(request(RETURN, 103, status=500), at=109)


class TestNoDeletion:
    """Received at 100, acknowledged at 102."""

    @pytest.mark.parametrize(
        "why",
        [
            request(DELETE, 102.1),
            request(DELETE, 102.1, status=500),
            Trouble("SQS: cut", MY_PLACE, 101, 104),
            Trouble("SQS: stalled", MY_PLACE, 102, 112),
            Trouble("receiver: reset", MY_PLACE, 102, 103),
            Trouble(KILL, ME, 102.1),
            Trouble(TERMINATE, ME, 98, 103),
            Trouble(FREEZE, ME, 102, 113),
        ],
    )
    def test_is_excused_where_it_was_tried_or_could_not_be(self, why: Request | Trouble) -> None:
        assert excuses(delivery(1, 100), why).of_no_deletion(callback(102))

    @pytest.mark.parametrize(
        "elsewhere",
        [
            request(DELETE, 102.1, process=OTHER, about="h9"),
            request(PUT, 102.1, about="5", status=503),
            Trouble("SQS: cut", "SOAK2", 101, 104),
            Trouble("SQS: cut", MY_PLACE, 90, 99),
            Trouble("SQS: delayed", MY_PLACE, 101, 110),
            Trouble("S3: cut", MY_PLACE, 101, 104),
            Trouble("receiver: cut", MY_PLACE, 90, 101),
            Trouble(KILL, TWIN, 102.1),
            Trouble(KILL, ME, 120),
            Trouble(FREEZE, ME, 112, 120),
        ],
    )
    def test_is_wrong_otherwise(self, elsewhere: Request | Trouble) -> None:
        assert not excuses(delivery(1, 100), elsewhere).of_no_deletion(callback(102))


class TestActingLate:
    """The lease is granted at 100 and extended at 103: it is over at 112.1."""

    def late(self, at: float, *faults: Trouble, count: int = 1) -> str:
        receive = delivery(count, 100)
        return excuses(receive, request(EXTEND, 103, receive.handle), *faults).of_acting_late(
            receive, callback(at)
        )

    def test_needs_no_excuse_with_a_lease_or_on_the_last_receive(self) -> None:
        assert self.late(112)
        assert self.late(130, count=LAST)

    def test_is_excused_where_the_request_was_held_up(self) -> None:
        assert self.late(130, Trouble("receiver: stalled", MY_PLACE, 110, 129.9))
        assert self.late(130, Trouble(FREEZE, ME, 110, 129.9))

    def test_is_wrong_otherwise(self) -> None:
        assert not self.late(114)
        assert not self.late(130, Trouble("receiver: stalled", MY_PLACE, 110, 120))
        assert not self.late(130, Trouble("SQS: stalled", MY_PLACE, 110, 131))
        assert not self.late(130, Trouble(FREEZE, OTHER, 110, 129.9))
