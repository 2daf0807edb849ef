from __future__ import annotations

from itertools import pairwise

import pytest

from domain.errors import Dependency, Unavailable
from worker.outage import (
    FIRST_INTERVAL,
    FORGET_AFTER,
    LONGEST_INTERVAL,
    LONGEST_RETRY_AFTER,
    RAMP_OVER,
    RAMP_SECONDS,
    SECOND_OPINION,
    Affected,
    Outage,
)


def unreachable(retry_after: float = 0) -> Unavailable:
    return Unavailable("no route", Dependency.BUCKET, retry_after=retry_after)


def throttled(operation: str = "GetObject") -> Unavailable:
    return Unavailable("slow down", Dependency.BUCKET, operation)


def forbidden(operation: str = "GetObject") -> Unavailable:
    return Unavailable("access denied", Dependency.BUCKET, operation, evident=False)


def again(error: Unavailable) -> Unavailable:
    """The same thing, tried again, failed with it."""
    error.again = True
    return error


def jobs(count: int) -> list[Affected]:
    return [Affected(listing) for listing in range(count)]


@pytest.fixture
def outage() -> Outage:
    return Outage()


def begun(outage: Outage, error: Unavailable, count: int = 1) -> list[Affected]:
    """An outage that so many jobs wait for, begun at 0."""
    waiting = jobs(count)
    assert all(outage.failed(job, error, 0) for job in waiting)
    return waiting


def fails_twice_more(outage: Outage, job: Affected, error: Unavailable) -> bool:
    """The job fails again after a success, and once more; returns whether it has failed alone."""
    for trial in (1, 2):
        outage.succeeded("GetObject", trial * LONGEST_INTERVAL)
        tried = trial * LONGEST_INTERVAL + RAMP_SECONDS
        assert outage.may_try(job, tried)
        waits = outage.failed(job, again(error), tried)
    return not waits


def test_what_is_evident_counts_at_the_first_job(outage: Outage) -> None:
    begun(outage, unreachable())
    assert outage.out
    assert outage.why == "no route"


def test_what_may_be_the_jobs_own_counts_at_the_third_listing(outage: Outage) -> None:
    first, second, third = jobs(3)
    assert not outage.failed(first, forbidden(), 0)
    assert not outage.failed(Affected(first.listing_id), forbidden(), 0), "another job of the same listing"
    assert not outage.failed(second, forbidden(), 0)
    assert outage.failed(third, forbidden(), 0)
    assert outage.out


def test_a_success_between_lets_the_listings_before_not_count(outage: Outage) -> None:
    first, second, third = jobs(3)
    for job in (first, second):
        outage.failed(job, forbidden(), 0)
    outage.succeeded("GetObject", 1)
    assert not outage.failed(third, forbidden(), 2)
    assert not outage.out


def test_a_success_in_something_else_proves_nothing(outage: Outage) -> None:
    begun(outage, throttled("PutObject"))
    assert not outage.succeeded("HeadObject", 1)
    assert outage.out


def test_while_it_is_out_every_such_failure_waits(outage: Outage) -> None:
    begun(outage, unreachable())
    assert outage.failed(Affected(7), forbidden(), 1)


def test_any_success_ends_it_where_nothing_could_be_reached(outage: Outage) -> None:
    begun(outage, unreachable())
    assert outage.succeeded("ListObjectsV2", 5)
    assert not outage.out


def test_a_job_that_fails_twice_more_each_time_after_a_success_has_failed_alone(outage: Outage) -> None:
    (job,) = begun(outage, throttled())
    assert fails_twice_more(outage, job, throttled())
    assert not outage.out, "nobody waits for a job that fails alone"


def test_after_the_first_it_waits_and_nobody_with_it(outage: Outage) -> None:
    (job,) = begun(outage, throttled())
    outage.may_try(job, 1)
    outage.succeeded("GetObject", 1)
    assert outage.failed(job, again(throttled()), 2)
    assert not outage.out
    assert not outage.may_try(job, 2 + LONGEST_INTERVAL - 1)
    assert outage.places(in_hand=True, now=2 + LONGEST_INTERVAL - 1)
    assert outage.may_try(job, 2 + LONGEST_INTERVAL)


def test_what_breaks_again_at_a_jobs_turn_is_an_outage_and_no_fault_of_the_job(outage: Outage) -> None:
    (job,) = begun(outage, throttled())
    outage.may_try(job, 1)
    outage.succeeded("GetObject", 1)
    assert outage.failed(job, again(throttled()), 2)
    assert outage.may_try(job, 2 + LONGEST_INTERVAL)
    assert outage.failed(job, again(throttled()), 13), "nobody has succeeded since"
    assert outage.out


def test_what_failed_in_one_job_alone_before_gets_no_second_chance(outage: Outage) -> None:
    job = Affected(1)
    assert not outage.failed(job, forbidden(), 0)
    outage.succeeded("GetObject", 1)
    assert not outage.failed(job, again(forbidden()), 2)


def test_a_job_that_fails_in_the_same_way_later_on_has_met_another_outage(outage: Outage) -> None:
    (job,) = begun(outage, throttled())
    outage.may_try(job, 1)
    outage.succeeded("GetObject", 1)
    assert outage.failed(job, throttled(), 7), "what failed before went through meanwhile"


def test_a_job_that_fails_in_something_new_after_a_success_has_not_failed_alone(outage: Outage) -> None:
    (job,) = begun(outage, throttled("GetObject"))
    outage.succeeded("GetObject", 1)
    assert outage.failed(job, again(throttled("PutObject")), 2)


def test_the_successes_of_one_dependency_say_nothing_about_another(outage: Outage) -> None:
    backend = Outage()
    for _ in range(3):
        outage.succeeded("GetObject", 0)
        backend.succeeded("", 0)
    (job,) = begun(outage, unreachable())
    backend.succeeded("", 1)
    assert backend.failed(job, again(Unavailable("no route", Dependency.BACKEND)), 2)


def test_the_jobs_try_in_turn_at_growing_intervals(outage: Outage) -> None:
    waiting = begun(outage, unreachable(), count=2)
    tried: list[tuple[int, int]] = []
    for second in range(60):
        for job in [one for one in waiting if outage.may_try(one, second)]:
            tried.append((second, job.listing_id))
            assert outage.failed(job, unreachable(), second)
    assert tried[:5] == [(1, 0), (3, 1), (7, 0), (15, 1), (25, 0)]
    gaps = {after[0] - before[0] for before, after in pairwise(tried[4:])}
    assert gaps == {LONGEST_INTERVAL}


def test_a_bad_jobs_turn_does_not_put_off_the_next_one(outage: Outage) -> None:
    """What answers 401 to everybody, and then 500 to one job alone, is back, and the next job is to see it."""
    bad, good = begun(outage, unreachable(), count=2)
    for second in (1, 3, 7, 15, 25):
        for job in (bad, good):
            if outage.may_try(job, second):
                outage.failed(job, unreachable(), second)
    assert outage.may_try(good, 35)
    outage.failed(good, unreachable(), 35)
    assert outage.may_try(bad, 45)
    outage.failed(bad, forbidden(), 45)
    assert outage.may_try(good, 45 + FIRST_INTERVAL)
    outage.failed(good, forbidden(), 46)
    assert not outage.may_try(bad, 55), "everybody is answered so: there is no hurry"
    assert outage.may_try(bad, 56)


def test_a_trial_that_hangs_keeps_nobody_else_from_trying(outage: Outage) -> None:
    first, second = begun(outage, unreachable(), count=2)
    assert outage.may_try(first, 1)
    assert outage.may_try(second, 3), "the first one's trial has no answer yet"


def test_what_the_other_side_asks_for_is_granted_up_to_a_minute(outage: Outage) -> None:
    job = Affected(1)
    outage.failed(job, unreachable(retry_after=24 * 3600), 0)
    assert not outage.may_try(job, LONGEST_RETRY_AFTER - 1)
    assert outage.may_try(job, LONGEST_RETRY_AFTER)


def test_when_it_is_over_the_jobs_go_on_twice_as_many_every_few_seconds(outage: Outage) -> None:
    waiting = begun(outage, unreachable(), count=208)
    assert outage.may_try(waiting.pop(0), 1)
    outage.succeeded("GetObject", 2)
    gone_by: list[int] = []
    for second in (2, 2 + RAMP_SECONDS, 2 + 2 * RAMP_SECONDS, 2 + RAMP_OVER):
        for job in list(waiting):
            if outage.may_try(job, second):
                waiting.remove(job)
        gone_by.append(208 - len(waiting))
    assert gone_by == [1, 2, 4, 208]


def test_messages_are_received_at_the_same_rate(outage: Outage) -> None:
    assert outage.places(in_hand=False, now=0) is None
    begun(outage, unreachable())
    assert outage.places(in_hand=True, now=1) == 0
    outage.succeeded("GetObject", 2)
    steps = [outage.places(in_hand=True, now=2 + step * RAMP_SECONDS) for step in range(4)]
    assert steps == [1, 2, 4, 8]
    assert outage.places(in_hand=True, now=2 + RAMP_OVER) is None


def test_where_nothing_is_in_hand_one_message_is_received_as_a_trial(outage: Outage) -> None:
    begun(outage, unreachable())
    assert outage.places(in_hand=False, now=1) == 1


def test_while_few_listings_wait_another_job_is_asked_for_its_opinion_after_a_minute(outage: Outage) -> None:
    begun(outage, unreachable())
    assert outage.places(in_hand=True, now=SECOND_OPINION - 1) == 0
    assert outage.places(in_hand=True, now=SECOND_OPINION) == 1
    outage.failed(Affected(0), unreachable(), SECOND_OPINION)
    assert outage.places(in_hand=True, now=SECOND_OPINION) == 1, "another job of the same listing"
    outage.failed(Affected(1), unreachable(), SECOND_OPINION)
    assert outage.places(in_hand=True, now=SECOND_OPINION) == 1
    outage.failed(Affected(2), unreachable(), SECOND_OPINION)
    assert outage.places(in_hand=True, now=SECOND_OPINION) == 0


def test_jobs_that_have_ended_are_no_evidence_any_more(outage: Outage) -> None:
    for job in begun(outage, unreachable(), count=3):
        outage.leave(job)
    assert outage.places(in_hand=True, now=SECOND_OPINION) == 1, "what is in hand only waits for videos"


def test_a_job_that_failed_alone_has_failed_alone_at_its_next_try_too(outage: Outage) -> None:
    (job,) = begun(outage, unreachable())
    assert fails_twice_more(outage, job, unreachable())
    assert not outage.failed(job, again(unreachable()), 62)
    assert not outage.out


def test_an_outage_that_comes_back_at_once_is_an_outage_again(outage: Outage) -> None:
    first, second = begun(outage, unreachable(), count=2)
    outage.may_try(first, 1)
    outage.succeeded("HeadObject", 2)
    assert outage.failed(Affected(9), unreachable(), 3)
    assert outage.out
    assert not outage.may_try(second, 3.5), "whoever still waits goes on waiting"
    assert outage.places(in_hand=True, now=3.5) == 0


def test_a_new_outage_knows_nothing_of_the_one_before(outage: Outage) -> None:
    begun(outage, unreachable(), count=2)
    outage.succeeded("HeadObject", 1)
    late = Affected(9)
    assert outage.failed(late, throttled("PutObject"), 100)
    assert outage.jobs == {late}
    assert not outage.succeeded("HeadObject", 101), "this time the bucket can be reached"


def test_a_job_that_leaves_gives_its_turn_to_the_next(outage: Outage) -> None:
    first, second = begun(outage, unreachable(), count=2)
    outage.leave(first)
    assert outage.may_try(second, 1)


def test_an_outage_that_no_job_meets_any_more_is_forgotten(outage: Outage) -> None:
    (job,) = begun(outage, unreachable())
    assert not outage.forget(FORGET_AFTER), "a job waits for its end"
    outage.leave(job)
    late = Affected(2)
    assert outage.failed(late, unreachable(), 100)
    outage.leave(late)
    assert not outage.forget(100 + FORGET_AFTER - 1)
    assert outage.out
    assert outage.forget(100 + FORGET_AFTER)
    assert not outage.out
    assert not outage.forget(100 + FORGET_AFTER)


def test_another_thing_of_the_job_that_fails_has_its_second_chance_too(outage: Outage) -> None:
    (job,) = begun(outage, throttled())
    outage.succeeded("GetObject", 1)
    assert outage.failed(job, again(throttled()), 7), "doubted"
    assert outage.may_try(job, 17)
    outage.succeeded("GetObject", 17)
    assert outage.failed(job, throttled(), 100)
    outage.succeeded("GetObject", 101)
    assert outage.failed(job, again(throttled()), 107)
