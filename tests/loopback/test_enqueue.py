"""`media-worker enqueue`, on SQS as moto plays it: what is sent, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.message import parse_message
from devstack.aws import variables
from devstack.scripted import AwsError, ScriptedEndpoint
from tests.contract.aws import Bucket, QueuePair
from worker.cli import main

MANY = [f"photo/{number}.jpg" for number in range(1_001)]
Enqueue = Callable[..., int]


@pytest.fixture
def aws(moto_url: str) -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(moto_url) as running:
        yield running


@pytest.fixture
def pair(moto_url: str) -> QueuePair:
    return QueuePair(moto_url, 3)


@pytest.fixture
def enqueue(
    pair: QueuePair, aws: ScriptedEndpoint, moto_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Enqueue:
    settings = {**variables(aws.url), "QUEUE_URL": pair.url, "MEDIA_BUCKET": Bucket(moto_url).name}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: main(["enqueue", *arguments])


def test_more_uploads_than_a_job_takes_are_several_jobs(
    enqueue: Enqueue, pair: QueuePair, capsys: pytest.CaptureFixture[str]
) -> None:
    assert enqueue("28", *MANY, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    received = {message.message_id: parse_message(message) for message in pair.queue.receive(10, 1, 60)}
    jobs = [received[one["message"]] for one in said]
    assert [job.job_id for job in jobs] == [one["job"] for one in said]
    assert jobs[1].job_id == jobs[0].job_id + 1
    assert [asset.key for job in jobs for asset in job.assets] == [f"28/raw/{key}" for key in MANY]


def test_one_number_is_not_for_several_jobs(
    enqueue: Enqueue, pair: QueuePair, capsys: pytest.CaptureFixture[str]
) -> None:
    assert enqueue("28", *MANY, "--job", "21") == 1
    assert "--job names one" in capsys.readouterr().err
    assert pair.queue.receive(10, 1, 60) == []


def test_a_sending_that_is_refused_says_what_was_sent_before_it(
    enqueue: Enqueue, aws: ScriptedEndpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[str] = []

    def refuse_the_second(operation: str) -> AwsError | None:
        if operation == "AmazonSQS.SendMessage":
            sent.append(operation)
        return AwsError(403, "AccessDenied") if len(sent) == 2 else None

    aws.rule = refuse_the_second
    assert enqueue("28", *MANY) == 1
    *_, line = capsys.readouterr().err.splitlines()
    assert "send the job (sqs:SendMessage)" in line
    assert "jobs sent before it: 1, from 8" in line
    assert len(sent) == 2, "no second try, which might be a second message"


@pytest.mark.parametrize("setting", ["MEDIA_BUCKET", "QUEUE_URL"])
def test_nothing_is_sent_where_bucket_or_queue_is_the_wrong_one(
    enqueue: Enqueue,
    pair: QueuePair,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    setting: str,
) -> None:
    """A DLQ has no redrive policy."""
    wrong = {"MEDIA_BUCKET": "no-such-bucket", "QUEUE_URL": pair.dlq_url}
    monkeypatch.setenv(setting, wrong[setting])
    assert enqueue("28", "photo/a.jpg") == 1
    assert capsys.readouterr().err.startswith("media-worker: ")
    assert pair.later(1) == []
    assert pair.dead() == []
