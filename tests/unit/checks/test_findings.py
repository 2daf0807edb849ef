"""What is judged good, and what isn't: each finding both ways."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.checks import bucket, machine, transcoder
from domain.checks.backend import judge_callback, judge_connection, unreachable
from domain.checks.finding import Finding, Missing, Refused, unseen
from domain.checks.machine import MB, Sizing
from domain.checks.queues import DAY, QueueFacts, judge_dead_letters, judge_queue
from domain.errors import Transient

QUEUE = QueueFacts("jobs", 4 * DAY, True, 5, "arn:aws:sqs:us-east-1:111122223333:jobs-dlq")
DEAD = QueueFacts("jobs-dlq", 14 * DAY, True)
SIZING = Sizing(concurrency=8, image_processes=2, image_memory=1_000 * MB, photo_buffer=200 * MB)
ARN = "arn:aws:iam::111122223333:role/transcodes"


def bad(findings: list[Finding]) -> list[str]:
    return [finding.name for finding in findings if not finding.good]


@pytest.mark.parametrize(
    ("queue", "wrong"),
    [
        (QUEUE, []),
        (replace(QUEUE, max_receive_count=3), []),
        (replace(QUEUE, max_receive_count=2), ["queue: maxReceiveCount"]),
        (replace(QUEUE, max_receive_count=None, dead_letters=None), ["queue: redrive policy"]),
        (replace(QUEUE, encrypted=False), ["queue: encryption"]),
    ],
)
def test_a_queue(queue: QueueFacts, wrong: list[str]) -> None:
    assert bad(list(judge_queue(queue))) == wrong


@pytest.mark.parametrize(
    ("dead_letters", "wrong"),
    [
        (DEAD, []),
        (replace(DEAD, retention=QUEUE.retention), []),
        (replace(DEAD, retention=QUEUE.retention - 1), ["DLQ: retention"]),
        (replace(DEAD, encrypted=False), ["DLQ: encryption"]),
    ],
)
def test_a_dead_letter_queue(dead_letters: QueueFacts, wrong: list[str]) -> None:
    assert bad(list(judge_dead_letters(QUEUE, dead_letters))) == wrong


def test_a_buckets_settings() -> None:
    assert [bucket.judge_versioning(enabled).good for enabled in (True, False)] == [True, False]
    assert [bucket.judge_encryption(algorithm).good for algorithm in ("aws:kms", None)] == [True, False]


@pytest.mark.parametrize(
    ("got", "tagged", "wrong"),
    [(b"x", True, []), (b"y", True, ["bucket: write and read"]), (b"x", False, ["bucket: tags"])],
)
def test_what_was_put_comes_back_with_its_tag(got: bytes, tagged: bool, wrong: list[str]) -> None:
    assert bad(list(bucket.judge_round_trip("0/work/checks/1.json", b"x", got, tagged))) == wrong


def trust(service: object, action: object = "sts:AssumeRole", effect: str = "Allow") -> object:
    return {"Statement": [{"Effect": effect, "Principal": {"Service": service}, "Action": action}]}


@pytest.mark.parametrize(
    ("policy", "good"),
    [
        (trust("mediaconvert.amazonaws.com"), True),
        (trust(["ec2.amazonaws.com", "mediaconvert.amazonaws.com"], ["sts:TagSession", "sts:AssumeRole"]), True),
        (
            {"Statement": {"Effect": "Allow", "Principal": {"Service": transcoder.SERVICE}, "Action": "sts:*"}},
            True,
        ),
        (trust("ec2.amazonaws.com"), False),
        (trust("mediaconvert.amazonaws.com", "sts:TagSession"), False),
        (trust("mediaconvert.amazonaws.com", effect="Deny"), False),
        ({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}, False),
        ({}, False),
        (None, False),
    ],
)
def test_who_may_take_on_the_role(policy: object, good: bool) -> None:
    assert transcoder.judge_role(ARN, policy).good is good


@pytest.mark.parametrize(("status", "good"), [("ACTIVE", True), ("PAUSED", False), (None, False)])
def test_a_queue_of_mediaconvert(status: str | None, good: bool) -> None:
    assert transcoder.judge_queue("Default", status).good is good


def test_without_a_role_videos_fail_and_nothing_else() -> None:
    assert transcoder.NO_ROLE.good
    assert "VIDEO_PROCESSING_FAILED" in transcoder.NO_ROLE.means


@pytest.mark.parametrize(
    ("tls", "loopback", "good"), [(True, False, True), (False, True, True), (False, False, False)]
)
def test_clear_text_is_for_one_machine(tls: bool, loopback: bool, good: bool) -> None:
    assert judge_connection("backend:443", tls, loopback).good is good
    assert not unreachable("why", "what to do").good


@pytest.mark.parametrize(
    ("spoiled", "signed", "good", "says"),
    [
        (401, 404, True, "secret and path are right"),
        (403, 404, True, "secret and path are right"),
        (401, 204, True, "secret and path are right"),
        (404, 404, False, "proves nothing"),
        (401, 401, False, "another secret"),
        (403, 401, False, "another secret"),
        (200, 404, False, "doesn't check signatures"),
        (204, 204, False, "doesn't check signatures"),
        (401, 302, False, "redirects"),
        (405, 405, False, "method"),
        (401, 400, False, "body"),
        (401, 500, False, "fails"),
        (503, 503, False, "fails"),
        (404, 200, False, "otherwise than expected"),
        (500, 404, False, "otherwise than expected"),
    ],
)
def test_what_the_backend_said_to_two_callbacks(spoiled: int, signed: int, good: bool, says: str) -> None:
    finding = judge_callback(spoiled, signed)
    assert finding.good is good
    assert says in finding.seen + finding.means
    assert good or finding.advice


@pytest.mark.parametrize(("ahead", "good"), [(0.4, True), (-59, True), (60, True), (61, False), (-61, False)])
def test_a_clock(ahead: float, good: bool) -> None:
    assert machine.judge_clock(ahead).good is good


def test_a_clock_says_in_which_direction_it_is_wrong() -> None:
    assert machine.judge_clock(400).seen == "400 s ahead of AWS's"
    assert machine.judge_clock(-400).seen == "400 s behind AWS's"


@pytest.mark.parametrize(("cpus", "good"), [(4, True), (2, True), (1, False)])
def test_threads_for_images_have_a_cpu_each(cpus: int, good: bool) -> None:
    assert machine.judge_cpus(SIZING, cpus).good is good


@pytest.mark.parametrize(("limit", "good"), [(3_810 * MB, True), (3_810 * MB - 1, False), (None, True)])
def test_the_memory_of_the_page_on_operating(limit: int | None, good: bool) -> None:
    assert machine.judge_memory(SIZING, limit).good is good


def test_what_cannot_be_seen_names_the_right_or_the_setting() -> None:
    refused = unseen("bucket: versioning", Refused("s3:GetBucketVersioning", "media"))
    assert (refused.good, refused.advice) == (False, "allow s3:GetBucketVersioning on media")
    missing = unseen("queue", Missing("https://sqs/1/jobs", "QUEUE_URL"))
    assert (missing.good, missing.advice) == (False, "make it, or mend QUEUE_URL")
    other = unseen("queue", Transient("no answer"))
    assert (other.good, other.seen) == (False, "no answer")
