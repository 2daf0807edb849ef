"""docs/scaling.md has the tables of tools/capacity.py, and both have the numbers of the code and the template."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.templates.template import service
from tools.capacity import (
    BACKLOG_TARGET,
    HOUR,
    MINUTE,
    PHOTO,
    PHOTO_JOB,
    VIDEO_JOB,
    Fleet,
    asks,
    burst,
    lasting,
    needed,
    page,
)
from worker.assembly import MOST_WAITING
from worker.attempt import LONGEST_WRAP_UP
from worker.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text()
FLEET = Fleet()
EASY = Fleet(photo_cpu=0.1, busy=1.0, lag=100.0)
"""10 photos a second for each task; of 86,400 photos a day there is one a second, and 20 in a burst."""


def test_its_tables_are_those_of_the_tool() -> None:
    for table in page(FLEET):
        assert f"\n{table}\n" in PAGE


def test_the_tool_reckons_with_the_template() -> None:
    defaults = service().defaults()
    assert (FLEET.vcpus, FLEET.memory_gb) == (defaults["TaskCpu"] / 1024, defaults["TaskMemory"] / 1024)
    assert (FLEET.max_tasks, BACKLOG_TARGET) == (defaults["MaxTasks"], defaults["BacklogTarget"])


def test_what_it_says_beside_the_tables_follows_from_the_same_numbers() -> None:
    defaults, settings = service().defaults(), Settings.model_fields
    places, backlog = settings["worker_concurrency"].default, defaults["BacklogPerTask"]
    fleet_rate = FLEET.max_tasks * FLEET.rate
    at_rest = backlog * FLEET.photos_in_a_job / FLEET.rate
    big_customer = 5000 * FLEET.photos_in_a_job / fleet_rate
    photos_by_puts = 3500 / PHOTO.puts
    wait = (settings["job_timeout"].default - LONGEST_WRAP_UP) / MINUTE
    for sentence in (
        f"{FLEET.busy} ÷ {FLEET.photo_cpu} = {FLEET.rate:.3g} photos a second, or half",
        f"keeps {backlog} jobs (`BacklogPerTask`)",
        f"{backlog} × {FLEET.photos_in_a_job} ÷ {FLEET.rate:.3g} = {at_rest:.0f} s",
        f"{backlog * FLEET.max_tasks} jobs are `MaxTasks`, {FLEET.max_tasks}.",
        f"`MaxTasks`, {FLEET.max_tasks} | {fleet_rate:.0f} photos a second, or {fleet_rate / 2:.0f}",
        f"{MOST_WAITING} jobs that wait, in each task | {MOST_WAITING * FLEET.max_tasks:,} with 10 tasks",
        f"{photos_by_puts:.0f} photos a second, {math.ceil(photos_by_puts / FLEET.rate)} tasks",
        f"{120_000 // (places + MOST_WAITING)} tasks, each with {places} jobs at work and {MOST_WAITING} that",
        f"it would be {120_000 // places:,} tasks",
        f"for {wait:.0f} minutes at each of five receives, so for {5 * wait:.0f} minutes in all",
        f"transcodings of 3 minutes would be {10 * round(180 / asks(180))} videos",
        f"5,000 jobs of {FLEET.photos_in_a_job} photos are {big_customer / MINUTE:.0f} minutes for",
        f"{PHOTO.puts + PHOTO.others} for a photo",
        f"{PHOTO_JOB.puts + PHOTO_JOB.others} for its job",
        f"{VIDEO_JOB.puts + VIDEO_JOB.others} for a job of one video",
    ):
        assert sentence in PAGE


@pytest.mark.parametrize(
    ("tasks", "wait", "after"),
    [
        (1, 3600, 4000),  # 10 photos a second too many for an hour
        (2, 50, 1000 / 19),  # 1,000 photos of the first 100 s, which two tasks never make up for during the burst
        (4, 50, 0),  # who comes after 50 s is the 1,000th, and one task has done so many after 100 s
    ],
)
def test_a_burst_waits_for_the_tasks_that_it_lacks_and_for_those_that_start(
    tasks: int, wait: float, after: float
) -> None:
    assert lasting(EASY, 86_400, tasks) == pytest.approx((wait, after))


@pytest.mark.parametrize(
    ("fleet", "photos_a_day", "tasks"),
    [
        (Fleet(burst_hours=0.01), 300_000, 10),  # over long before the other tasks are there
        (replace(EASY, burst_hours=60 / HOUR), 86_400, 4),
        (replace(EASY, burst_hours=10 / HOUR), 86_400, 4),  # its backlog is gone before they are there
        (replace(EASY, burst_hours=0.1), 86_400, 4),
        (replace(EASY, burst_hours=0.1), 86_400, 1),
    ],
)
def test_a_burst_lasts_as_it_does_where_it_is_played_step_by_step(
    fleet: Fleet, photos_a_day: float, tasks: int
) -> None:
    assert lasting(fleet, photos_a_day, tasks) == pytest.approx(played(fleet, photos_a_day, tasks), abs=0.5)


def played(fleet: Fleet, photos_a_day: float, tasks: int, step: float = 0.1) -> tuple[float, float]:
    """As `lasting`: the photos of each tenth of a second wait in a queue, and are served in turn."""
    mean, end, longest = photos_a_day / 86_400, fleet.burst_hours * HOUR, 0.0
    queue: deque[tuple[float, float]] = deque()
    for now in (tick * step for tick in range(100_000)):
        queue.append((now, mean * step * (fleet.burst if now < end else 1)))
        at_work = tasks if now >= fleet.lag else min(tasks, needed(fleet, mean))
        capacity = at_work * fleet.rate * step
        while queue and capacity > 0:
            came, photos = queue.popleft()
            longest = max(longest, now - came)
            if photos > capacity + 1e-9:
                queue.appendleft((came, photos - capacity))
            capacity -= photos
        if not queue and now >= end:
            return longest, now - end
    raise AssertionError("it never ends")


def test_where_tasks_come_too_late_for_the_alarm_no_number_of_them_is_enough() -> None:
    assert burst(replace(FLEET, lag=2 * BACKLOG_TARGET), 300_000)[-1] == "none"


def test_a_fleet_that_is_too_small_for_the_mean_never_catches_up() -> None:
    assert lasting(EASY, 20 * 86_400, 1)[1] == math.inf
    assert needed(EASY, 20.1) == 3


def test_a_video_is_asked_after_at_growing_intervals_that_end_at_half_a_minute() -> None:
    assert [asks(seconds) for seconds in (0.5, 2, 3, 5.5)] == [2, 2, 3, 4]
    assert asks(2 * HOUR) - asks(HOUR) == HOUR / 30
