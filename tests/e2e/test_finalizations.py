"""Finalizations through a real worker process: the bundle alone, with each contents."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from devstack.signatures import GENUINE
from tests.e2e.world import Worker, World, command, jpeg

PHOTO, GIF = "28/raw/photo/horizontal/a.jpg", "28/raw/photo/vertical/b.gif"
PLAN = "28/raw/project/doc/plan.pdf"
MISSING = "28/raw/photo/horizontal/missing.jpg"
PDF = b"%PDF-1.7 a plan"
DEFAULT_KEY = "28/processed/zip/28.zip"
ORIGINALS_KEY = "28/processed/zip/listing-media.zip"
TEMPLATES = {
    "processed": "{listing_id}/processed/zip/{listing_id}.zip",
    "originals": "{listing_id}/processed/zip/listing-media.zip",
}


def worker(world: World, contents: str) -> AbstractContextManager[Worker]:
    return world.worker(BUNDLE_CONTENTS=contents, ZIP_KEY_TEMPLATE=TEMPLATES[contents])


def finalization(*assets: object, **fields: object) -> dict[str, object]:
    return {"kind": "finalize", "jobId": 22, "listingId": 28, "batchId": 12, "assets": list(assets), **fields}


def members(world: World, key: str) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(world.read(key))) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


def check_success(body: dict[str, Any], key: str, bundled: dict[str, bytes]) -> None:
    assert (body["status"], body["provider"]) == ("SUCCEEDED", "STEP_FUNCTIONS_FINALIZATION")
    assert (body["jobId"], body["batchId"], body["outputs"]) == (22, 12, [])
    assert (body["failureReason"], body["error"]) == ("", None)
    assert (body["zipBundles"], body["assetsZipped"]) == ([key] if bundled else [], len(bundled))
    assert body["unzippedSizeBytes"] == sum(map(len, bundled.values()))


def test_the_start_refuses_originals_where_processing_jobs_write_their_bundle(world: World) -> None:
    answer = command("run", environment=world.environment(BUNDLE_CONTENTS="originals"))
    assert answer.returncode == 2
    line = json.loads(answer.stderr)
    assert line["setting"] == "BUNDLE_CONTENTS"
    assert line["why"].startswith("originals need a ZIP_KEY_TEMPLATE of their own")


def test_a_finalization_of_what_was_processed(world: World) -> None:
    world.upload(PHOTO, jpeg())
    world.upload(PLAN, PDF, "application/pdf")
    with world.worker() as worker:
        world.enqueue({"jobId": 21, "listingId": 28, "assets": [PHOTO, PLAN]})
        world.receiver.wait_for(1)
        world.wait_until_settled()
        made = world.written_at("28/processed/")
        world.enqueue(finalization(PHOTO, {"key": PLAN}, MISSING))
        callback = world.receiver.wait_for(2)[1]
        world.wait_until_settled()
        (left_out,) = worker.events("asset left out of the bundle")
    assert callback.verdict == GENUINE
    bundled = members(world, DEFAULT_KEY)
    assert len(bundled) == 5
    check_success(callback.payload, DEFAULT_KEY, bundled)
    assert callback.payload["zipSizeBytes"] == len(world.read(DEFAULT_KEY))
    assert world.written_at("28/processed/") == made, "nothing is rendered or written again"
    assert (left_out["key"], left_out["code"]) == (MISSING, "VALIDATION_ERROR")


def test_a_finalization_of_originals(world: World) -> None:
    photo, gif = jpeg(colour="red"), b"GIF89a, as it came"
    world.upload(PHOTO, photo)
    world.upload(GIF, gif, "image/gif")
    world.upload("28/raw/photo/horizontal/of-another-job.jpg", jpeg())
    with worker(world, "originals"):
        world.enqueue(finalization(GIF, PHOTO, MISSING))
        world.receiver.wait_for(1)
        world.enqueue({"jobId": 23, "listingId": 28, "assets": [PHOTO]})
        first, second = world.receiver.wait_for(2)
        world.wait_until_settled()
    bundled = {"photo/horizontal/a.jpg": photo, "photo/vertical/b.gif": gif}
    assert members(world, ORIGINALS_KEY) == bundled
    check_success(first.payload, ORIGINALS_KEY, bundled)
    assert (second.payload["provider"], second.payload["zipBundles"]) == ("STEP_FUNCTIONS", [DEFAULT_KEY])
    assert len(members(world, DEFAULT_KEY)) == 4


@pytest.mark.parametrize(("contents", "key"), [("processed", DEFAULT_KEY), ("originals", ORIGINALS_KEY)])
def test_after_a_deletion_the_bundle_holds_what_is_left_and_goes_with_the_last(
    world: World, contents: str, key: str
) -> None:
    other = world.upload("28/raw/photo/horizontal/other.jpg", jpeg(colour="red"))
    world.upload(PHOTO, jpeg())
    with worker(world, contents):
        world.enqueue({"jobId": 21, "listingId": 28, "assets": [PHOTO, other]})
        world.receiver.wait_for(1)
        world.enqueue(finalization(PHOTO, other, jobId=20))
        world.receiver.wait_for(2)
        world.wait_until_settled()
        before = members(world, key)
        for gone in [gone for gone in world.keys("28/") if gone.endswith("/other.jpg")]:
            world.s3.delete_object(Bucket=world.bucket, Key=gone)
        world.enqueue(finalization())
        some_left = world.receiver.wait_for(3)[2].payload
        world.wait_until_settled()
        after = members(world, key)
        for gone in world.keys("28/") - {DEFAULT_KEY, key}:
            world.s3.delete_object(Bucket=world.bucket, Key=gone)
        world.enqueue(finalization())
        none_left = world.receiver.wait_for(4)[3].payload
        world.wait_until_settled()
    assert set(after) == {name for name in before if not name.endswith("/other.jpg")} != set()
    check_success(some_left, key, after)
    check_success(none_left, key, {})
    assert none_left["zipSizeBytes"] == 0
    assert world.keys("28/processed/") == set()


def test_a_finalization_of_which_nothing_is_left_is_reported_once_as_failed(
    make_world: Callable[[int], World],
) -> None:
    world = make_world(2)
    with world.worker():
        message_id = world.enqueue(finalization(MISSING))
        assert world.dead_letter() == message_id
    (callback,) = world.receiver.callbacks
    body = callback.payload
    assert (body["status"], body["provider"]) == ("PROCESSING_FAILED", "STEP_FUNCTIONS_FINALIZATION")
    assert (body["outputs"], body["zipBundles"]) == ([], [])
    assert body["failureReason"] == body["error"]["code"] == "VALIDATION_ERROR"
    assert MISSING in body["error"]["message"]


def test_a_finalization_before_anything_was_processed_says_what_to_do(make_world: Callable[[int], World]) -> None:
    world = make_world(2)
    world.upload(PHOTO, jpeg())
    with world.worker():
        message_id = world.enqueue(finalization(PHOTO))
        assert world.dead_letter() == message_id
    (callback,) = world.receiver.callbacks
    assert (callback.payload["status"], callback.payload["outputs"]) == ("PROCESSING_FAILED", [])
    assert callback.payload["error"]["code"] == "ZIP_FAILED"
    assert "send its processing job" in callback.payload["error"]["message"]


@pytest.mark.parametrize("archived", [PHOTO, PLAN])
def test_an_archived_original_fails_by_name(make_world: Callable[[int], World], archived: str) -> None:
    world = make_world(2)
    world.upload(PHOTO, jpeg())
    world.upload(PLAN, PDF, "application/pdf")
    world.s3.put_object(Bucket=world.bucket, Key=archived, Body=world.read(archived), StorageClass="GLACIER")
    with worker(world, "originals"):
        message_id = world.enqueue(finalization(PHOTO, PLAN))
        assert world.dead_letter() == message_id
    (callback,) = world.receiver.callbacks
    assert (callback.payload["status"], callback.payload["outputs"]) == ("PROCESSING_FAILED", [])
    assert callback.payload["error"]["code"] == "ZIP_FAILED"
    assert archived in callback.payload["error"]["message"]
    assert "must be restored first" in callback.payload["error"]["message"]
    assert world.open_uploads() == 0


def test_a_kind_that_is_none_is_a_malformed_message(make_world: Callable[[int], World]) -> None:
    world = make_world(2)
    world.upload(PHOTO, jpeg())
    with world.worker():
        message_id = world.enqueue(finalization(PHOTO, kind="finalise"))
        assert world.dead_letter() == message_id
    (callback,) = world.receiver.callbacks
    assert (callback.payload["status"], callback.payload["outputs"]) == ("VALIDATION_FAILED", [])
    assert world.keys("28/processed/") == set()
