"""Jobs through a real worker process, seen from outside."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from devstack.receiver import Answer, Hang
from devstack.samples import Sample
from devstack.signatures import GENUINE
from tests.e2e.world import World, jpeg

TRACE = "00-2b63e64e71537bb0327788965465ed16-45348f2c8c2a34bf-01"
SIZES = ("thumbnail", "small", "medium", "large")
PDF = b"%PDF-1.7 a plan"


def test_a_job_with_every_kind_of_photo_and_a_document(
    world: World, tmp_path: Path, sample_media: tuple[Sample, ...]
) -> None:
    samples = [sample for sample in sample_media if not sample.broken]
    keys = [
        world.upload(f"28/raw/{sample.media_type}/{sample.name}", sample.content, sample.content_type)
        for sample in samples
    ]
    with world.worker():
        message_id = world.enqueue(
            {"jobId": 21, "listingId": 28, "batchId": "b-1", "assets": keys}, Traceparent=TRACE
        )
        callback = world.receiver.wait_for(1)[0]
        world.wait_until_settled()
    assert callback.verdict == GENUINE
    assert callback.headers["traceparent"] == TRACE
    body = callback.payload
    assert body["status"] == "SUCCEEDED"
    assert body["externalId"] == body["executionArn"] == message_id
    assert [output["rawKey"] for output in body["outputs"]] == keys
    for output in body["outputs"]:
        check_output(world, output)
    bundle = check_bundle_of(world, 28, tmp_path)
    assert body["zipBundles"] == ["28/processed/zip/28.zip"]
    assert body["assetsZipped"] == len(bundle)
    assert body["zipSizeBytes"] == len(world.read("28/processed/zip/28.zip"))
    assert body["unzippedSizeBytes"] == sum(map(len, bundle.values()))
    for key in keys:
        tags = world.s3.get_object_tagging(Bucket=world.bucket, Key=key)["TagSet"]
        assert {"Key": "stage", "Value": "raw"} in tags


def check_output(world: World, output: dict[str, Any]) -> None:
    """Every key of an output is there, is what its Content-Type says, and is as wide as it should be."""
    assert output["errorCode"] == ""
    media_type, name = output["rawKey"].removeprefix("28/raw/").rsplit("/", 1)
    label = media_type.replace("/", "_")
    if media_type == "project/doc":
        assert output["outputs"] == {f"original_{label}": f"28/processed/project/doc/original/{name}"}
        assert world.read(output["processedKey"]) == world.read(output["rawKey"])
        assert not {"derivatives", "dominantColor", "thumbhash"} & output.keys()
        return
    assert output["outputs"] == {f"{size}_{label}": f"28/processed/{media_type}/{size}/{name}" for size in SIZES}
    assert output["processedKey"] == output["outputs"][f"large_{label}"]
    assert output["thumbnailKey"] == output["outputs"][f"thumbnail_{label}"]
    assert list(output["derivatives"]) == list(SIZES)
    assert re.fullmatch("#[0-9a-f]{6}", output["dominantColor"])
    assert 15 <= len(base64.b64decode(output["thumbhash"], validate=True)) <= 25
    for size, width in zip(SIZES, (200, 400, 800, 1200), strict=True):
        stored = world.s3.get_object(Bucket=world.bucket, Key=output["outputs"][f"{size}_{label}"])
        image = Image.open(io.BytesIO(stored["Body"].read()))
        assert stored["ContentType"] == Image.MIME[str(image.format)]
        told = {"bytes": stored["ContentLength"], "contentType": stored["ContentType"]}
        assert output["derivatives"][size] == told
        assert image.width == min(width, output["width"])
        assert not image.getexif()
        assert "icc_profile" not in image.info
        assert (image.width > image.height) == (output["width"] > output["height"])


def check_bundle_of(world: World, listing_id: int, tmp_path: Path) -> dict[str, bytes]:
    """The bundle's members by inner path, once several readers have found it sound."""
    path = tmp_path / "bundle.zip"
    path.write_bytes(world.read(f"{listing_id}/processed/zip/{listing_id}.zip"))
    for tool, arguments in {"unzip": ["-tq"], "bsdtar": ["-tf"], "7z": ["t"]}.items():
        if command := shutil.which(tool):
            subprocess.run([command, *arguments, str(path)], check=True, capture_output=True)
    with world.bundle(listing_id) as archive:
        assert archive.testzip() is None
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    processed = world.keys(f"{listing_id}/processed/") - {f"{listing_id}/processed/zip/{listing_id}.zip"}
    digests = sorted(hashlib.sha256(world.read(key)).hexdigest() for key in processed)
    assert sorted(hashlib.sha256(data).hexdigest() for data in members.values()) == digests
    for name, data in members.items():
        if "/original/" not in name:
            extension = Image.MIME[str(Image.open(io.BytesIO(data)).format)].removeprefix("image/")
            assert name.endswith({"jpeg": (".jpg", ".jpeg")}.get(extension, f".{extension}")), name
    return members


def test_a_bad_asset_fails_alone(world: World) -> None:
    good = world.upload("28/raw/photo/horizontal/good.jpg", jpeg())
    text = world.upload("28/raw/photo/horizontal/text.jpg", b"this is no picture")
    cut = world.upload("28/raw/photo/horizontal/cut.jpg", jpeg(3000, 2000)[:4000])
    empty = world.upload("28/raw/photo/horizontal/empty.jpg", b"")
    missing = "28/raw/photo/horizontal/missing.jpg"
    foreign = world.upload("29/raw/photo/horizontal/foreign.jpg", jpeg())
    escaping = "28/raw/photo/../../29/raw/photo/foreign.jpg"
    entries = [good, text, cut, empty, missing, foreign, escaping, {"nonsense": 1}, good]
    with world.worker():
        world.enqueue({"jobId": 21, "listingId": 28, "assets": entries})
        body = world.receiver.wait_for(1)[0].payload
        world.wait_until_settled()
    assert body["status"] == "PARTIAL_SUCCESS"
    assert body["failureReason"] == "DERIVATIVE_ERRORS_DETECTED"
    codes = [output["errorCode"] for output in body["outputs"]]
    assert codes == ["", "VALIDATION_ERROR", "THUMBNAIL_PROCESSING_FAILED", *["VALIDATION_ERROR"] * 5, ""]
    assert body["outputs"][0] == body["outputs"][8]
    for output in body["outputs"]:
        assert ("processedKey" in output) == (output["errorCode"] == "")
        assert bool(output["errorMessage"]) == bool(output["errorCode"])
    assert world.keys("29/processed/") == set()


def test_the_manifest_is_checked(world: World) -> None:
    data = jpeg()
    key = world.upload("28/raw/photo/horizontal/a.jpg", data)
    etag = world.s3.head_object(Bucket=world.bucket, Key=key)["ETag"]
    digest = hashlib.sha256(data).hexdigest()
    right = {
        "key": key,
        "size": len(data),
        "sha256": f"sha256:{digest}",
        "etag": etag,
        "contentType": "image/jpeg",
    }
    wrong: list[dict[str, object]] = [
        {"size": len(data) + 1},
        {"sha256": hashlib.sha256(b"other").hexdigest()},
        {"etag": '"0123"'},
        {"contentType": "image/png"},
    ]
    with world.worker():
        world.enqueue(
            {"jobId": 21, "listingId": 28, "assets": [right, *({**right, **change} for change in wrong)]}
        )
        body = world.receiver.wait_for(1)[0].payload
    assert [output["errorCode"] for output in body["outputs"]] == ["", *["VALIDATION_ERROR"] * 4]


def test_a_job_without_one_good_asset_ends_in_the_dlq_with_one_failure_callback(world: World) -> None:
    with world.worker():
        message_id = world.enqueue({"jobId": 21, "listingId": 28, "assets": ["28/raw/photo/horizontal/a.jpg"]})
        assert world.dead_letter() == message_id
    (callback,) = world.receiver.callbacks
    assert callback.verdict == GENUINE
    assert callback.payload["status"] == "VALIDATION_FAILED"
    assert callback.payload["error"]["code"] == "VALIDATION_ERROR"
    assert callback.payload["zipBundles"] == []
    assert [output["errorCode"] for output in callback.payload["outputs"]] == ["VALIDATION_ERROR"]
    attempts = world.journal(28, 21)["attempts"]
    assert [(attempt["number"], attempt["ending"]) for attempt in attempts] == [
        (1, "permanent"),
        (2, "permanent"),
        (3, "permanent"),
    ]


def test_what_names_no_job_ends_in_the_dlq_without_a_callback(world: World) -> None:
    with world.worker() as worker:
        message_id = world.enqueue("this is not JSON")
        assert world.dead_letter() == message_id
        assert len(worker.events("malformed message left to the DLQ")) == 2
        (failed,) = worker.events("job failed for good")
        assert (failed["level"], failed["message_id"], failed["receives"]) == ("error", message_id, 3)
    assert world.receiver.callbacks == ()


def test_a_malformed_message_that_names_a_job_is_reported(world: World) -> None:
    with world.worker():
        message_id = world.enqueue({"jobId": 21, "listingId": 28, "assets": []})
        assert world.dead_letter() == message_id
    (callback,) = world.receiver.callbacks
    assert callback.payload["status"] == "VALIDATION_FAILED"
    assert callback.payload["outputs"] == []


@pytest.mark.localstack
@pytest.mark.parametrize(
    "endpoint", ["localstack"], indirect=True
)  # moto completes an upload on a stale ETag, too
def test_two_jobs_of_a_listing_leave_a_bundle_with_the_work_of_both(world: World) -> None:
    """Eight jobs in two processes, so that some finish at the same time. Neither has places for all of them."""
    keys = [world.upload(f"28/raw/photo/horizontal/{n}.jpg", jpeg(colour=f"#{n}{n}{n}")) for n in range(8)]
    world.receiver.plan(*(Hang(then=Answer()) for _ in keys))
    with world.worker(WORKER_CONCURRENCY="4") as one, world.worker(WORKER_CONCURRENCY="4") as other:
        with ThreadPoolExecutor(8) as pool:
            jobs = ({"jobId": n + 1, "listingId": 28, "assets": [key]} for n, key in enumerate(keys))
            list(pool.map(world.enqueue, jobs))
        world.receiver.wait_for(8)
        world.receiver.release()
        world.wait_until_settled()
        callbacks = world.receiver.callbacks
        assert one.events("message deleted")
        assert other.events("message deleted")
    assert {callback.payload["status"] for callback in callbacks} == {"SUCCEEDED"}
    with world.bundle(28) as bundle:
        assert len(bundle.namelist()) == 32


def test_a_callback_that_fails_is_retried_under_the_same_id(world: World) -> None:
    world.upload("28/raw/photo/horizontal/a.jpg", jpeg())
    world.receiver.plan(Answer(500), Answer(503), Answer(429, {"Retry-After": "1"}))
    with world.worker():
        world.enqueue({"jobId": 21, "listingId": 28, "assets": ["28/raw/photo/horizontal/a.jpg"]})
        callbacks = world.receiver.wait_for(4)
        world.wait_until_settled()
    assert [callback.answered for callback in callbacks] == [500, 503, 429, 200]
    assert len({callback.headers["webhook-id"] for callback in callbacks}) == 1
    assert len({callback.body for callback in callbacks}) == 1


def test_an_attempt_whose_callback_is_refused_comes_back_and_repeats_no_work(
    make_world: Callable[[int], World],
) -> None:
    world = make_world(2)
    key = world.upload("28/raw/photo/horizontal/a.jpg", jpeg())
    world.receiver.plan(Answer(404))
    with world.worker() as worker:
        world.enqueue({"jobId": 21, "listingId": 28, "assets": [key]})
        world.receiver.wait_for(1)
        before = {
            k: world.s3.head_object(Bucket=world.bucket, Key=k)["LastModified"]
            for k in world.keys("28/processed/")
        }
        world.receiver.wait_for(2, timeout=40)
        world.wait_until_settled()
        after = {
            k: world.s3.head_object(Bucket=world.bucket, Key=k)["LastModified"]
            for k in world.keys("28/processed/")
        }
        _, metrics = worker.get("/metrics")
    assert before == after
    assert 'media_worker_attempts_total{ending="transient"} 1.0' in metrics
    first, second = world.receiver.callbacks
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert 11 <= second.received_at - first.received_at <= 25, "about 15 s later"


def test_a_message_whose_job_kills_the_process_each_time_is_poison(make_world: Callable[[int], World]) -> None:
    """The process is killed while its callback is under way, and so leaves no trace."""
    world = make_world(2)
    key = world.upload("28/raw/photo/horizontal/a.jpg", jpeg())
    world.receiver.plan(Hang())
    with world.worker() as worker:
        message_id = world.enqueue({"jobId": 21, "listingId": 28, "assets": [key]})
        world.receiver.wait_for(1)
        worker.process.kill()
        worker.wait(10)
    with world.worker():
        assert world.dead_letter(40) == message_id
    poison = world.receiver.callbacks[1].payload
    assert poison["status"] == "PROCESSING_FAILED"
    assert poison["error"]["code"] == "POISON_MESSAGE"
    assert len(world.receiver.callbacks) == 2


@pytest.mark.skipif(shutil.which("java") is None, reason="there is no JDK")
def test_java_reads_the_bundle_as_a_stream(world: World, tmp_path: Path) -> None:
    """ZipInputStream never sees the central directory, so the local headers alone must do."""
    keys = [world.upload("28/raw/photo/horizontal/a.jpg", jpeg()), world.upload("28/raw/project/doc/p.pdf", PDF)]
    with world.worker():
        world.enqueue({"jobId": 21, "listingId": 28, "assets": keys})
        world.receiver.wait_for(1)
    (tmp_path / "bundle.zip").write_bytes(world.read("28/processed/zip/28.zip"))
    (tmp_path / "Names.java").write_text(
        "import java.io.*; import java.util.zip.*; public class Names { public static void main(String[] a)"
        " throws Exception { ZipInputStream in = new ZipInputStream(new FileInputStream(a[0])); ZipEntry entry;"
        " while ((entry = in.getNextEntry()) != null) System.out.println(entry.getName() + ' ' +"
        " in.readAllBytes().length); } }"
    )
    java = subprocess.run(
        ["java", str(tmp_path / "Names.java"), str(tmp_path / "bundle.zip")],
        check=True,
        capture_output=True,
        text=True,
    )
    with world.bundle(28) as bundle:
        assert java.stdout.splitlines() == [f"{info.filename} {info.file_size}" for info in bundle.infolist()]
