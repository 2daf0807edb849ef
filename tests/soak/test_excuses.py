"""The rules on records that are known to be bad, and on those that a fault explains."""

from __future__ import annotations

import pytest

from tests.soak.excuses import Excuses
from tests.soak.plan import FREEZE, KILL, TERMINATE
from tests.soak.record import CALLBACK, DELETE, EXTEND, PUT, RETURN, SUBMIT, Delivery, Record, Request, Trouble

LAST = 3
ME, MY_PLACE, OTHER = "SOAK1N7", "SOAK1", "SOAK2N8"
TWIN = "SOAK1N9"  # another process in the same place


def delivery(count: int, at: float, process: str = ME) -> Delivery:
    return Delivery("m", f"h{count}", "5", count, process, at - 1, at)


def callback(at: float, process: str = ME) -> Request:
    return Request(process, "receiver", CALLBACK, "m", at, at)


def request(operation: str, at: float, about: str = "h1", process: str = ME, status: int = 200) -> Request:
    service = {PUT: "S3", SUBMIT: "MediaConvert", CALLBACK: "receiver"}.get(operation, "SQS")
    return Request(process, service, operation, about, at, at + 0.1, status, planned=status != 200)


def excuses(*noted: Delivery | Request | Trouble) -> Excuses:
    return Excuses(
        Record(
            [each for each in noted if isinstance(each, Delivery)],
            [each for each in noted if isinstance(each, Request)],
            [each for each in noted if isinstance(each, Trouble)],
            ),
        LAST,
    )  # fmt: skip


class TestARepeat:
    """Received at 100, acknowledged at 102; the message came again."""

    @pytest.mark.parametrize(
        "fault",
        [
            request(DELETE, 102.1, status=500),
            Trouble("SQS: cut", MY_PLACE, 101, 104),
            Trouble("SQS: stalled", MY_PLACE, 102, 112),
            Trouble("receiver: reset", MY_PLACE, 102, 103),
            Trouble(KILL, ME, 102.1),
            Trouble(KILL, ME, 101.9),
            Trouble(TERMINATE, ME, 98, 103),
            Trouble(FREEZE, ME, 102, 113),
        ],
    )
    def test_is_excused_by_what_kept_its_own_deletion_from_happening(self, fault: Request | Trouble) -> None:
        assert excuses(delivery(1, 100), fault).of_a_repeat(callback(102))

    @pytest.mark.parametrize(
        "elsewhere",
        [
            request(DELETE, 102.1, process=OTHER, about="h9", status=500),
            request(DELETE, 102.1, about="another", status=500),
            request(DELETE, 101.0, status=500),
            request(EXTEND, 102.1, status=400),
            request(PUT, 102.1, about="5", status=503),
            Trouble("SQS: cut", "SOAK2", 101, 104),
            Trouble("SQS: cut", MY_PLACE, 90, 99),
            Trouble("SQS: cut", MY_PLACE, 106, 110),
            Trouble("SQS: delayed", MY_PLACE, 101, 110),
            Trouble("S3: cut", MY_PLACE, 101, 104),
            Trouble("receiver: cut", MY_PLACE, 90, 101),
            Trouble(KILL, OTHER, 102.1),
            Trouble(KILL, TWIN, 102.1),
            Trouble(KILL, ME, 120),
            Trouble(TERMINATE, ME, 101, 120),
            Trouble(TERMINATE, TWIN, 98, 103),
            Trouble(FREEZE, ME, 110, 120),
        ],
    )
    def test_is_not_excused_by_a_fault_elsewhere(self, elsewhere: Request | Trouble) -> None:
        assert not excuses(delivery(1, 100), elsewhere).of_a_repeat(callback(102))

    def test_is_not_excused_without_a_fault_nor_without_a_receive(self) -> None:
        assert not excuses(delivery(1, 100)).of_a_repeat(callback(102))
        assert not excuses(Trouble(KILL, ME, 102)).of_a_repeat(callback(102))

    def test_is_not_excused_by_a_kill_after_the_deletion(self) -> None:
        deleted = request(DELETE, 102.1)
        assert not excuses(delivery(1, 100), deleted, Trouble(KILL, ME, 102.5)).of_a_repeat(callback(102))

    def test_is_excused_by_a_lease_whose_extensions_were_refused_until_it_was_over(self) -> None:
        refused = request(EXTEND, 103, status=404)
        assert excuses(delivery(1, 100), refused).of_a_repeat(callback(109))

    def test_is_not_excused_by_a_refusal_that_a_later_extension_made_good(self) -> None:
        refused, extended = request(EXTEND, 103, status=404), request(EXTEND, 104)
        assert not excuses(delivery(1, 100), refused, extended).of_a_repeat(callback(109))

    def test_is_not_excused_by_a_lease_that_nobody_extended(self) -> None:
        assert not excuses(delivery(1, 100)).of_a_repeat(callback(109))


class TestGivingUp:
    """Three receives, each of which was given back after two seconds."""

    RECEIVES = (delivery(1, 100), delivery(2, 120, OTHER), delivery(3, 140))
    RETURNS = (request(RETURN, 102), request(RETURN, 122, "h2", OTHER), request(RETURN, 142, "h3"))
    FIRST, SECOND = request(PUT, 101, "5", status=503), Trouble("S3: stalled", "SOAK2", 119, 124)

    @pytest.mark.parametrize(
        "third",
        [
            Trouble(KILL, ME, 141),
            Trouble("SQS: cut", MY_PLACE, 139.5, 139.7),
            Trouble("receiver: cut", MY_PLACE, 141, 150),
            request(SUBMIT, 141, "5", status=429),
            request(CALLBACK, 141, "m", status=500),
            request(EXTEND, 141, "h3", status=400),
        ],
    )
    def test_is_excused_where_every_receive_met_a_fault_of_its_own(self, third: Request | Trouble) -> None:
        found = excuses(*self.RECEIVES, *self.RETURNS, self.FIRST, self.SECOND, third)
        assert found.of_giving_up("m")

    @pytest.mark.parametrize(
        "third",
        [
            Trouble(KILL, ME, 143),
            Trouble("S3: cut", MY_PLACE, 143, 150),
            Trouble("S3: cut", "SOAK2", 141, 150),
            Trouble("S3: delayed", MY_PLACE, 139, 150),
            request(PUT, 141, "6", status=503),
            request(PUT, 141, "5", OTHER, 503),
            request(PUT, 130, "5", status=503),
            request(CALLBACK, 141, "n", status=500),
        ],
    )
    def test_is_not_excused_where_one_receive_met_none(self, third: Request | Trouble) -> None:
        found = excuses(*self.RECEIVES, *self.RETURNS, self.FIRST, self.SECOND, third)
        assert not found.of_giving_up("m")

    def test_is_not_excused_before_the_last_receive(self) -> None:
        found = excuses(*self.RECEIVES[:2], *self.RETURNS, self.FIRST, self.SECOND)
        assert not found.of_giving_up("m")


class TestNoTrace:
    RECEIVES = (delivery(1, 100), delivery(2, 120), delivery(3, 140, OTHER))

    def test_is_excused_where_each_earlier_process_died_or_could_not_write(self) -> None:
        died, refused = Trouble(KILL, ME, 121), request(PUT, 101, "5", status=503)
        assert excuses(*self.RECEIVES, refused, died).of_no_trace("m")

    @pytest.mark.parametrize(
        "fault",
        [Trouble(KILL, ME, 130), Trouble("receiver: cut", MY_PLACE, 99, 123), Trouble(TERMINATE, ME, 121, 125)],
    )
    def test_is_not_excused_where_one_of_them_could_write(self, fault: Trouble) -> None:
        settled = request(RETURN, 102), request(RETURN, 122, "h2")
        refused = request(PUT, 101, "5", status=503)
        assert not excuses(*self.RECEIVES, *settled, refused, fault).of_no_trace("m")


class TestSilence:
    def test_is_excused_by_the_death_of_the_last_receive_s_process_or_the_loss_of_the_delivery(self) -> None:
        assert excuses(delivery(3, 140), Trouble(KILL, ME, 150)).of_silence("m")
        assert excuses(delivery(3, 140), Trouble("SQS: reset", MY_PLACE, 139.5, 139.6)).of_silence("m")

    def test_is_not_excused_otherwise(self) -> None:
        assert not excuses(delivery(3, 140)).of_silence("m")
        assert not excuses(delivery(2, 140), Trouble(KILL, ME, 150)).of_silence("m")
        assert not excuses(delivery(3, 140), Trouble(KILL, OTHER, 150)).of_silence("m")
        assert not excuses(delivery(3, 140), request(RETURN, 142, "h3"), Trouble(KILL, ME, 150)).of_silence("m")
        assert not excuses(delivery(3, 140), Trouble("SQS: reset", MY_PLACE, 145, 146)).of_silence("m")


class TestASecondSubmission:
    FIRST = request(SUBMIT, 100, "5")

    def test_is_excused_where_the_first_could_not_be_known_or_written_down(self) -> None:
        faults: list[Request | Trouble] = [
            Trouble(KILL, ME, 100.2),
            Trouble("MediaConvert: cut", MY_PLACE, 100, 101),
            Trouble("S3: stalled", MY_PLACE, 99, 104),
            request(PUT, 100.3, "5", status=503),
        ]
        assert [excuses(each).of_a_second_submission(self.FIRST) != "" for each in faults] == [True] * 4

    def test_is_not_excused_otherwise(self) -> None:
        faults: list[Request | Trouble] = [
            Trouble(KILL, ME, 110),
            Trouble("SQS: cut", MY_PLACE, 99, 104),
            request(PUT, 100.3, "6", status=503),
            request(PUT, 100.3, "5", OTHER, 503),
        ]
        assert [excuses(each).of_a_second_submission(self.FIRST) for each in faults] == [""] * 4


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
