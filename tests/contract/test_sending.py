"""The programs of docs/backend.md that send a message, on SQS as moto plays it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from adapters.message import parse_message
from domain.model import Asset, Job, JobKind, Manifest
from tests.contract.aws import QueuePair
from tests.snippets import programs

PHOTO = "28/raw/photo/horizontal/3f6c.jpg"
GO_SDK = programs.GO_LIBRARIES / "src" / "github.com" / "aws" / "aws-sdk-go-v2" / "service" / "sqs"


@pytest.fixture
def pair(moto_url: str) -> QueuePair:
    return QueuePair(moto_url, 2)


OWNER = "owner-7"


def groups(pair: QueuePair) -> dict[str, str | None]:
    """The message group of each message in the queue, by id. They stay visible."""
    answer = pair.client.receive_message(
        QueueUrl=pair.url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=0,
        MessageSystemAttributeNames=["MessageGroupId"],
    )
    return {it["MessageId"]: it.get("Attributes", {}).get("MessageGroupId") for it in answer["Messages"]}


def check_jobs(pair: QueuePair, ids: list[str]) -> None:
    """Check that the queue holds a job of an owner and two finalizations, under these ids."""
    assert groups(pair) == dict(zip(ids, (OWNER, None, None), strict=True))
    received = {message.message_id: parse_message(message) for message in pair.queue.receive(10, 1, 60)}
    job, finalization, after_deletion = ids
    photo = Asset(PHOTO, "PHOTO_HORIZONTAL", Manifest(size=5242880))
    assert received == {
        job: Job(21, 28, job, (photo,), "b-7f3a"),
        finalization: Job(22, 28, finalization, (Asset(PHOTO),), kind=JobKind.FINALIZE),
        after_deletion: Job(23, 28, after_deletion, kind=JobKind.FINALIZE),
    }


def test_python_sends_what_the_worker_reads(pair: QueuePair) -> None:
    send = runpy.run_path(str(programs.PROGRAMS / "send.py"))["send"]
    photo = {"key": PHOTO, "type": "PHOTO_HORIZONTAL", "size": 5242880}
    messages = (
        {"jobId": 21, "listingId": 28, "batchId": "b-7f3a", "assets": [photo]},
        {"kind": "finalize", "jobId": 22, "listingId": 28, "assets": [{"key": PHOTO}]},
        {"kind": "finalize", "jobId": 23, "listingId": 28, "assets": []},
    )
    owners = (OWNER, None, None)
    ids = [send(pair.client, pair.url, message, owner) for message, owner in zip(messages, owners, strict=True)]
    check_jobs(pair, ids)


@pytest.mark.skipif(not GO_SDK.is_dir(), reason="there is no golang-github-aws-aws-sdk-go-v2-dev")
def test_go_sends_what_the_worker_reads(pair: QueuePair, moto_url: str, tmp_path: Path) -> None:
    sources = ["send.go", "finalize.go"]
    check_jobs(pair, programs.go(tmp_path, "send_main.go", sources, moto_url, pair.url).split())


def test_typescript_sends_what_the_worker_reads(pair: QueuePair, moto_url: str, tmp_path: Path) -> None:
    programs.node_modules(tmp_path, "@aws-sdk/client-sqs")
    check_jobs(pair, programs.node(tmp_path, "send_main.ts", moto_url, pair.url).split())


def test_typescript_has_no_type_errors(tmp_path: Path) -> None:
    programs.node_modules(tmp_path, "@aws-sdk/client-sqs", "typescript", "@types/node")
    options = "--noEmit --strict --erasableSyntaxOnly --allowImportingTsExtensions --module nodenext --types node"
    checked = ["verify_main.ts", "send_main.ts"]
    assert programs.node(tmp_path, "node_modules/typescript/bin/tsc", *options.split(), *checked) == ""
