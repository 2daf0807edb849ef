"""How many tasks a day's traffic needs, and what a burst does to it: the tables of docs/scaling.md.

`python -m tools.capacity --photos 50000 --photo-cpu 0.1 --max-tasks 20` prints them for your own numbers.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from worker.watcher import FIRST_DELAY, GROWTH, LONGEST_DELAY

DAY, HOUR, MINUTE = 86_400, 3_600, 60
BACKLOG_TARGET = 900
"""Seconds that a job may wait before an alarm of infra/service.yaml."""
HALF = 0.5


@dataclass(frozen=True, slots=True)
class Fleet:
    """The inputs; docs/scaling.md says where each comes from, and `UNITS` in what they are."""

    photo_cpu: float = 0.1
    video_cpu: float = 0.19
    busy: float = 0.8
    cpus_per_vcpu: float = 1.0
    vcpus: float = 1.0
    memory_gb: float = 4.0
    photos_in_a_job: float = 30
    max_tasks: float = 10
    lag: float = 300.0
    burst: float = 20.0
    burst_hours: float = 1.0

    @property
    def rate(self) -> float:
        """Photos a second of one task."""
        return self.vcpus * self.cpus_per_vcpu * self.busy / self.photo_cpu


UNITS = {
    "photo_cpu": "CPU seconds of a photo",
    "video_cpu": "CPU seconds of a video",
    "busy": "share of the time that a CPU works under load",
    "cpus_per_vcpu": "how many of the CPUs on which the seconds were measured a vCPU is",
    "vcpus": "of a task",
    "memory_gb": "of a task, in GB",
    "photos_in_a_job": "on average",
    "max_tasks": "MaxTasks of the template",
    "lag": "seconds from a burst's first job until all tasks work",
    "burst": "photos an hour in a burst, in multiples of the day's mean",
    "burst_hours": "how long the burst lasts",
}


@dataclass(frozen=True, slots=True)
class Requests:
    """To S3, those that it bills with PUT (POST, LIST) and the others; and to SQS."""

    puts: float
    others: float
    sqs: float = 0.0


PHOTO, PHOTO_JOB, VIDEO_JOB = Requests(5, 2), Requests(9, 4, 3), Requests(18, 18, 3.3)
"""Of a photo; of its job, beside its photos; of a job of one video."""


def needed(fleet: Fleet, photos_a_second: float) -> int:
    """So many tasks keep up."""
    return max(1, math.ceil(photos_a_second / fleet.rate))


def lasting(fleet: Fleet, photos_a_day: float, tasks: float) -> tuple[float, float]:
    """Seconds that a photo waits at most in a burst, and for which a backlog is left after it.

    First come, first served. Until the lag is over, perhaps after the burst, only those tasks work that the day's
    mean needs, and then so many.
    """
    mean, late = photos_a_day / DAY, tasks * fleet.rate
    early = min(tasks, needed(fleet, mean)) * fleet.rate
    high, end, lag = mean * fleet.burst, fleet.burst_hours * HOUR, fleet.lag

    def waits(came: float) -> float:
        """Seconds, of who came at this second of the burst, where there is a backlog until then."""
        before = high * came
        return (before / early if before <= early * lag else lag + (before - early * lag) / late) - came

    # The wait grows until those come who are served when the lag is over; from there it grows or falls to the end.
    longest = max(0.0, waits(min(end, early * lag / high)), waits(end))
    left = max(0.0, high * end - early * min(end, lag) - late * max(0.0, end - lag))
    if late <= mean:
        return longest, math.inf
    few_yet = max(0.0, lag - end)
    for_all = left - (early - mean) * few_yet
    if for_all > 0:
        return longest, few_yet + for_all / (late - mean)
    return longest, left and left / (early - mean)


def asks(seconds: float) -> int:
    """GetJob calls for a video that takes so long, jitter left out: the last one finds that it has ended."""
    at, delay, count = 0.0, FIRST_DELAY, 1
    while at < seconds:
        count, at, delay = count + 1, at + delay, min(LONGEST_DELAY, delay * GROWTH)
    return count


def costs(fleet: Fleet) -> str:
    jobs, memory = 1000 / fleet.photos_in_a_job, fleet.memory_gb / fleet.vcpus
    photos, videos = (1000 * cpu / fleet.busy / fleet.cpus_per_vcpu for cpu in (fleet.photo_cpu, fleet.video_cpu))
    rows = (
        ("vCPU-seconds of Fargate", photos, videos),
        ("GB-seconds of Fargate", photos * memory, videos * memory),
        ("S3: PUT, POST, LIST", 1000 * PHOTO.puts + jobs * PHOTO_JOB.puts, 1000 * VIDEO_JOB.puts),
        ("S3: GET, HEAD, others", 1000 * PHOTO.others + jobs * PHOTO_JOB.others, 1000 * VIDEO_JOB.others),
        ("SQS", jobs * PHOTO_JOB.sqs, 1000 * VIDEO_JOB.sqs),
    )
    header = ("", "1,000 photos", "1,000 videos", "your price of one")
    return table(header, ([name, f"{one:,.0f}", f"{other:,.0f}", ""] for name, one, other in rows))


def bursts(fleets: Iterable[Fleet], days: Sequence[float]) -> str:
    header = (
        "photos a day",
        "a vCPU is",
        "photos a second: mean, burst",
        "tasks that keep up: mean, burst",
        "longest wait with `MaxTasks`, minutes",
        "backlog after the burst, minutes",
        "`MaxTasks` for no wait above 15 minutes",
    )
    return table(header, [burst(fleet, photos) for fleet in fleets for photos in days])


def burst(fleet: Fleet, photos: float) -> list[str]:
    mean = photos / DAY
    high = mean * fleet.burst
    wait, after = lasting(fleet, photos, fleet.max_tasks)
    up_to_all = range(1, needed(fleet, high) + 1)
    enough = (str(tasks) for tasks in up_to_all if lasting(fleet, photos, tasks)[0] <= BACKLOG_TARGET)
    return [
        f"{photos:,.0f}",
        f"{fleet.cpus_per_vcpu:g} of our CPUs",
        f"{mean:.1f}, {high:.0f}",
        f"{needed(fleet, mean)}, {needed(fleet, high)}",
        f"{wait / MINUTE:.0f}",
        f"{after / MINUTE:.0f}",
        next(enough, "none"),
    ]


def polls(minutes: Iterable[float]) -> str:
    header = ("MediaConvert takes, minutes", "GetJob calls for a video", "waiting videos for each call a second")
    rows = [[f"{it:g}", str(asks(it * MINUTE)), f"{it * MINUTE / asks(it * MINUTE):.0f}"] for it in minutes]
    return table(header, rows)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """As Markdown."""
    first, *others = (f"| {' | '.join(line)} |\n".replace("  |", " |") for line in (header, *rows))
    return "".join([first, "|---" * len(header) + "|\n", *others])


def page(fleet: Fleet, days: Sequence[float] = (30_000, 100_000, 300_000)) -> list[str]:
    """The tables of docs/scaling.md."""
    slower = replace(fleet, cpus_per_vcpu=fleet.cpus_per_vcpu * HALF)
    return [costs(fleet), bursts([fleet, slower], days), polls((1, 3, 10, 30))]


def positive(text: str) -> float:
    if (number := float(text)) > 0:
        return number
    raise ValueError


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.capacity", description=__doc__)
    parser.add_argument("--photos", type=positive, nargs="+", metavar="N", help="photos a day")
    for field in fields(Fleet):
        name, value = field.name.replace("_", "-"), field.default
        said = f"{UNITS[field.name]} (default: {value})"
        parser.add_argument(f"--{name}", type=positive, default=value, metavar="N", help=said)
    given = vars(parser.parse_args())
    days = given.pop("photos")
    print(*page(Fleet(**given), *([days] if days else [])), sep="\n")


if __name__ == "__main__":
    main()
