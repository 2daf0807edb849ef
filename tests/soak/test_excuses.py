"""The rules on jobs that came to nothing, on records that are known to be bad."""

from __future__ import annotations

import pytest

from tests.soak.plan import KILL, TERMINATE
from tests.soak.record import CALLBACK, DELETE, EVERYBODY, EXTEND, OUT, PUT, RETURN, SUBMIT, Request, Trouble
from tests.soak.records import ME, MY_PLACE, OTHER, TWIN, callback, delivery, excuses, request


class TestGivingUp:
    """Three receives, each of which was given back after two seconds."""

    RECEIVES = (delivery(1, 100), delivery(2, 120, OTHER), delivery(3, 140))
    RETURNS = (request(RETURN, 102), request(RETURN, 122, "h2", OTHER), request(RETURN, 142, "h3"))
    FIRST, SECOND = request(PUT, 101, "5", status=500), Trouble("SQS: stalled", "SOAK2", 119, 124)

    @pytest.mark.parametrize(
        "third",
        [
            Trouble(KILL, ME, 141),
            Trouble("SQS: cut", MY_PLACE, 139.5, 139.7),
            request(CALLBACK, 141, "m", status=500),
            request(PUT, 141, "5", status=500),
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
            Trouble("S3: cut", MY_PLACE, 130, 138),
            Trouble("S3: cut", "SOAK2", 141, 150),
            Trouble("S3: delayed", MY_PLACE, 139, 150),
            Trouble("S3: cut", MY_PLACE, 141, 150),
            Trouble("receiver: cut", MY_PLACE, 141, 150),
            Trouble(OUT["S3"], EVERYBODY, 130, 150),
            request(SUBMIT, 141, "5", status=429),
            request(PUT, 141, "5", status=503),
            request(PUT, 141, "6", status=500),
            request(PUT, 141, "5", OTHER, 500),
            request(PUT, 130, "5", status=500),
            request(CALLBACK, 141, "n", status=500),
            request(CALLBACK, 141, "m", status=401),
        ],
    )
    def test_is_not_excused_where_one_receive_met_none(self, third: Request | Trouble) -> None:
        found = excuses(*self.RECEIVES, *self.RETURNS, self.FIRST, self.SECOND, third)
        assert not found.of_giving_up("m")

    def test_is_not_excused_before_the_last_receive(self) -> None:
        found = excuses(*self.RECEIVES[:2], *self.RETURNS, self.FIRST, self.SECOND)
        assert not found.of_giving_up("m")


class TestAReceive:
    """By ME, from 100 on, given back at 115."""

    RETURNED = request(RETURN, 115, "h1")
    HITS = tuple(request(PUT, at, "5", status=400) for at in (102.0, 103.0, 113.0))

    @pytest.mark.parametrize(
        ("hits", "excused"),
        [
            (HITS, True),
            (HITS[:2], False),
            (HITS[::2], False),
            ((*HITS[:2], request(PUT, 111, "5", status=400)), False),
            ((*HITS[:2], request(PUT, 113, "6", status=400)), False),
            ((*HITS[:2], request(PUT, 113, "5", OTHER, status=400)), False),
            ((*HITS, Trouble(OUT["S3"], EVERYBODY, 101, 120)), False),
            ((*HITS, Trouble(OUT["MediaConvert"], EVERYBODY, 101, 120)), True),
        ],
    )
    def test_is_excused_by_refusals_that_go_on_while_the_service_is_there(
        self, hits: tuple[Request | Trouble, ...], excused: bool
    ) -> None:
        receive = delivery(1, 100)
        assert bool(excuses(receive, self.RETURNED, *hits).of_a_receive(receive)) is excused


class TestPoison:
    RECEIVES = (delivery(1, 100), delivery(2, 120, TWIN), delivery(3, 140, OTHER))
    FIRST = Trouble(KILL, ME, 101)

    @pytest.mark.parametrize("second", [Trouble(KILL, TWIN, 121), Trouble(TERMINATE, TWIN, 118, 122)])
    def test_is_excused_where_the_process_died_with_the_message_each_time(self, second: Trouble) -> None:
        assert excuses(*self.RECEIVES, self.FIRST, second).of_poison("m")

    @pytest.mark.parametrize(
        "second",
        [
            Trouble(KILL, TWIN, 130),
            Trouble(KILL, ME, 121),
            Trouble(TERMINATE, TWIN, 121, 125),
            Trouble("S3: cut", MY_PLACE, 119, 130),
            Trouble(OUT["S3"], EVERYBODY, 119, 130),
            Trouble("SQS: cut", MY_PLACE, 119, 130),
            request(PUT, 121, "5", TWIN, status=503),
            request(DELETE, 121, "h2", TWIN, status=500),
        ],
    )
    def test_is_not_excused_by_anything_but_deaths(self, second: Request | Trouble) -> None:
        returned = request(RETURN, 122, "h2", TWIN)
        assert not excuses(*self.RECEIVES, self.FIRST, returned, second).of_poison("m")


class TestAnOpenUpload:
    RECEIVES = (delivery(1, 100), delivery(2, 120), delivery(3, 140, OTHER))

    def test_is_excused_where_a_job_that_ended_in_the_dlq_was_cut_off(self) -> None:
        assert excuses(*self.RECEIVES, Trouble(KILL, ME, 121)).of_leaving("m")

    def test_is_not_excused_without_a_fault_or_where_another_receive_could_follow(self) -> None:
        assert not excuses(*self.RECEIVES).of_leaving("m")
        assert not excuses(*self.RECEIVES[:2], Trouble(KILL, ME, 121)).of_leaving("m")


class TestStaying:
    """Acknowledged on the second receive of three."""

    RECEIVES = (delivery(1, 100), delivery(2, 120), delivery(3, 140, OTHER))
    REFUSED = request(DELETE, 122, "h2", status=500)

    def test_is_excused_where_each_deletion_from_then_on_was_refused_or_cut_off(self) -> None:
        for last in (request(DELETE, 141, "h3", OTHER, status=500), Trouble("SQS: cut", "SOAK2", 141, 150)):
            assert excuses(*self.RECEIVES, self.REFUSED, last).of_staying("m", callback(121))

    def test_is_not_excused_where_one_could_delete_or_before_the_last_receive(self) -> None:
        assert not excuses(*self.RECEIVES, self.REFUSED).of_staying("m", callback(121))
        assert not excuses(*self.RECEIVES[:2], self.REFUSED).of_staying("m", callback(121))
        foreign = request(DELETE, 141, "h9", OTHER, status=500)
        assert not excuses(*self.RECEIVES, self.REFUSED, foreign).of_staying("m", callback(121))


class TestSilence:
    def test_is_excused_by_the_death_of_the_last_receive_s_process_or_the_loss_of_the_delivery(self) -> None:
        assert excuses(delivery(3, 140), Trouble(KILL, ME, 150)).of_silence("m")
        assert excuses(delivery(3, 140), Trouble("SQS: reset", MY_PLACE, 139.5, 139.6)).of_silence("m")

    def test_is_excused_by_a_death_after_the_return_was_refused(self) -> None:
        refused = request(RETURN, 142, "h3", status=500)
        assert excuses(delivery(3, 140), refused, Trouble(KILL, ME, 150)).of_silence("m")

    @pytest.mark.parametrize(
        ("fault", "excused"),
        [
            (Trouble("receiver: cut", MY_PLACE, 139, 145), True),
            (Trouble(OUT["S3"], EVERYBODY, 145, 160), True),
            (Trouble("receiver: cut", "SOAK2", 139, 145), False),
            (Trouble(OUT["S3"], EVERYBODY, 120, 138), False),
            (Trouble(OUT["MediaConvert"], EVERYBODY, 139, 160), False),
        ],
    )
    def test_is_excused_by_a_stop_where_nothing_could_be_said(self, fault: Trouble, excused: bool) -> None:
        stopped, returned = Trouble(TERMINATE, ME, 143, 151), request(RETURN, 150, "h3")
        assert bool(excuses(delivery(3, 140), stopped, returned, fault).of_silence("m")) is excused
        assert not excuses(delivery(3, 140), returned, fault).of_silence("m")

    def test_is_not_excused_otherwise(self) -> None:
        assert not excuses(delivery(3, 140)).of_silence("m")
        assert not excuses(delivery(2, 140), Trouble(KILL, ME, 150)).of_silence("m")
        assert not excuses(delivery(3, 140), Trouble(KILL, OTHER, 150)).of_silence("m")
        assert not excuses(delivery(3, 140), request(RETURN, 142, "h3"), Trouble(KILL, ME, 150)).of_silence("m")
        assert not excuses(delivery(3, 140), Trouble("SQS: reset", MY_PLACE, 145, 146)).of_silence("m")


class TestASecondSubmission:
    FIRST, SECOND = request(SUBMIT, 100, "5"), request(SUBMIT, 120, "5", OTHER)

    def test_is_excused_where_the_first_could_not_be_known_or_written_down(self) -> None:
        faults: list[Request | Trouble] = [
            Trouble(KILL, ME, 100.2),
            Trouble("MediaConvert: cut", MY_PLACE, 100, 101),
            Trouble("S3: stalled", MY_PLACE, 99, 104),
            request(PUT, 100.3, "5", status=503),
            Trouble(OUT["S3"], EVERYBODY, 100.1, 130),
            Trouble("MediaConvert: stalled", "SOAK2", 112, 119.9),
        ]
        assert [excuses(each).of_a_second_submission(self.FIRST, self.SECOND) != "" for each in faults] == [
            True
        ] * 6

    def test_is_not_excused_otherwise(self) -> None:
        faults: list[Request | Trouble] = [
            Trouble(KILL, ME, 110),
            Trouble("SQS: cut", MY_PLACE, 99, 104),
            request(PUT, 100.3, "6", status=503),
            request(PUT, 100.3, "5", OTHER, 503),
            request("GetObject", 100.3, "5", status=503),
            Trouble("MediaConvert: stalled", "SOAK2", 105, 115),
        ]
        found = [excuses(each).of_a_second_submission(self.FIRST, self.SECOND) for each in faults]
        assert not any(found)
