"""The messages that backends of every age send, and the callbacks that they can read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.world import World, jpeg
from tests.schemas import conforms

PHOTO = "28/raw/photo/horizontal/photo-1-IMG_2907.jpg"
DATED = "28/raw/photo/horizontal/2025-11-16/photo-2-IMG_2908.jpg"
FIRST_BACKEND: dict[str, Any] = {"jobId": 21, "batchId": 12, "listingId": 28, "retry": 0}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"assets": [{"key": PHOTO, "type": "PHOTO_HORIZONTAL"}]}, PHOTO),
        ({"assets": [{"key": PHOTO, "type": "PHOTO_HORIZONTAL"}], "retry": 1}, PHOTO),
        ({"assets": [PHOTO]}, PHOTO),
        ({"assets": [{"key": DATED, "type": "PHOTO_HORIZONTAL"}]}, DATED),
        ({"assets": [DATED], "batchId": 2**64 - 1}, DATED),
    ],
)
def test_a_message_of_the_first_backend_is_done_and_has_its_batch_id_back_as_a_number(
    world: World, changes: dict[str, Any], key: str
) -> None:
    world.upload(key, jpeg())
    message = FIRST_BACKEND | changes
    with world.worker(ZIP_KEY_TEMPLATE="{listing_id}/processed/zip/{batch_id}.zip"):
        world.enqueue(message)
        (callback,) = world.receiver.wait_for(1)
        world.wait_until_settled()
    assert callback.payload["status"] == "SUCCEEDED"
    assert f'"batchId":{message["batchId"]},'.encode() in callback.body
    assert callback.payload["zipBundles"] == [f"28/processed/zip/{message['batchId']}.zip"]
    assert conforms(callback.payload, "callback.json")


def test_types_of_any_name_and_case_are_photos_where_their_bytes_are_and_zip_is_none(world: World) -> None:
    types = {"a": "photo_horizontal", "b": "thumbnail", "c": "ZIP", "d": "THUMBNAIL"}
    keys = {name: world.upload(f"28/raw/photo/horizontal/{name}.jpg", jpeg()) for name in types}
    world.upload(keys["d"], b"%PDF-1.7 a plan")
    with world.worker(CALLBACK_PARTIAL_AS="SUCCEEDED") as worker:
        assets = [{"key": keys[name], "type": types[name]} for name in types]
        world.enqueue({"jobId": 21, "listingId": 28, "batchId": True, "assets": assets})
        (callback,) = world.receiver.wait_for(1)
        world.wait_until_settled()
        (warning,) = worker.events("bad optional fields dropped")
        _, metrics = worker.get("/metrics")
    body = callback.payload
    assert (body["status"], body["failureReason"]) == ("SUCCEEDED", "DERIVATIVE_ERRORS_DETECTED")
    assert [output["errorCode"] for output in body["outputs"]] == ["", "", "VALIDATION_ERROR", "VALIDATION_ERROR"]
    known, unknown, *_ = body["outputs"]
    assert known["outputs"]["large_photo_horizontal"] == "28/processed/photo/horizontal/large/a.jpg"
    assert unknown["outputs"]["large_thumbnail"] == "28/processed/photo/horizontal/large/b.jpg"
    assert warning["fields"] == ["batchId"]
    assert f"media_worker_callback_bytes_sum {float(len(callback.body))}" in metrics


def test_a_malformed_finalization_is_reported_by_the_provider_of_finalizations(world: World) -> None:
    assets = ["28/raw/photo/horizontal/a.jpg"] * 1001
    with world.worker(FINALIZATION_PROVIDER="FINALIZER"):
        world.enqueue({"jobId": 22, "listingId": 28, "kind": "finalize", "assets": assets})
        world.dead_letter()
    (callback,) = world.receiver.callbacks
    assert callback.payload["provider"] == "FINALIZER"
    assert callback.payload["status"] == "VALIDATION_FAILED"


def test_a_failure_that_is_too_large_is_told_without_its_outputs(world: World) -> None:
    with world.worker(CALLBACK_MAX_BYTES="65535"):
        world.enqueue({"jobId": 21, "listingId": 28, "assets": [f"28/raw/photo/{n:0200}.jpg" for n in range(500)]})
        world.dead_letter()
    (callback,) = world.receiver.callbacks
    assert len(callback.body) <= 65_535
    assert (callback.payload["status"], callback.payload["outputs"]) == ("VALIDATION_FAILED", [])
    assert callback.payload["failureReason"].startswith("VALIDATION_ERROR; the outputs are left out")
