"""The template, deployed, with a worker on it; the compose stack, as far as it goes without Docker; the demo."""

from __future__ import annotations

import json
import signal
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from PIL import Image

from devstack.aws import session, variables
from devstack.deploy import INFRA, create, deploy
from devstack.ffmpeg import inspect
from devstack.processes import Child, free_port
from devstack.receiver import Receiver
from devstack.sample import enqueue
from tests.e2e.world import SECRET, Worker
from tests.images import encoded

ROOT = Path(__file__).parents[2]
KEY = "28/raw/photo/horizontal/a.jpg"


def test_a_job_on_what_the_template_makes(endpoint: str, receiver: Receiver, tmp_path: Path) -> None:
    stack = deploy(endpoint, "e2e", NamePrefix="e2e-")
    s3 = session().client("s3", endpoint_url=endpoint)
    sqs = session().client("sqs", endpoint_url=endpoint)
    s3.put_object(Bucket=stack.bucket, Key=KEY, Body=encoded(Image.new("RGB", (640, 480)), "JPEG"))
    environment = {
        **variables(endpoint),
        "QUEUE_URL": stack.queue_url,
        "MEDIA_BUCKET": stack.bucket,
        "CALLBACK_URL": receiver.url,
        "CALLBACK_SECRET": SECRET,
        "HTTP_PORT": str(free_port()),
    }
    with Worker(environment, tmp_path / "worker.log") as worker:
        enqueue(sqs, stack.queue_url, {"jobId": 21, "listingId": 28, "assets": [KEY]})
        (callback,) = receiver.wait_for(1)
        dead = enqueue(sqs, stack.queue_url, {"jobId": 22, "listingId": 28, "assets": []})
        receiver.wait_for(2)
        letters = sqs.receive_message(QueueUrl=stack.dead_letter_queue_url, WaitTimeSeconds=20)["Messages"]
        (failed,) = worker.events("job failed for good")
        assert failed["receives"] == 5, "the template's maxReceiveCount"
        worker.send(signal.SIGKILL)
    assert callback.payload["status"] == "SUCCEEDED"
    assert [letter["MessageId"] for letter in letters] == [dead]


def test_the_service_is_made_beside_it(endpoint: str) -> None:
    """As far as an emulator knows its resources; what the rest says is held by tests/unit/templates."""
    deploy(endpoint, "beside", NamePrefix="beside-")
    parameters = {
        "StorageStack": "media-beside",
        "Revision": "abc",
        "CallbackUrl": "https://backend.example/callback",
        "CallbackSecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:callback-a1b2c3",
        "VpcId": "vpc-1",
        "SubnetIds": "subnet-1,subnet-2",
    }
    outputs = create(endpoint, "media-worker-beside", INFRA / "service.yaml", parameters)
    assert outputs["LogGroupName"] == "/media-worker/media-worker-beside"
    logs = session().client("logs", endpoint_url=endpoint)
    assert len(logs.describe_log_groups(logGroupNamePrefix=outputs["LogGroupName"])["logGroups"]) == 1


def test_a_stack_adopts_what_an_older_one_made(endpoint: str) -> None:
    old = deploy(endpoint, "old", NamePrefix="old-")
    names = {
        "ExistingBucket": old.bucket,
        "ExistingQueue": old.queue_url.rsplit("/", 1)[1],
        "ExistingDeadLetterQueue": old.dead_letter_queue_url.rsplit("/", 1)[1],
    }
    adopted = deploy(endpoint, "adopting", NamePrefix="adopting-", **names)
    assert adopted.bucket == old.bucket
    sqs = session().client("sqs", endpoint_url=endpoint)
    sqs.send_message(QueueUrl=adopted.queue_url, MessageBody="to the adopted one")
    (message,) = sqs.receive_message(QueueUrl=old.queue_url, WaitTimeSeconds=5)["Messages"]
    assert message["Body"] == "to the adopted one"


@pytest.mark.localstack
def test_the_compose_file_names_what_localstack_makes_of_the_template(localstack_url: str) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    stack = deploy(localstack_url, services["deploy"]["environment"]["ENVIRONMENT"])
    for service in ("worker", "sample"):
        environment = services[service]["environment"]
        assert environment["MEDIA_BUCKET"] == stack.bucket
        assert environment["QUEUE_URL"] == stack.queue_url.replace(localstack_url, "http://localstack:4566")


def test_the_mediaconvert_of_the_compose_file_runs_by_itself(moto_url: str, tmp_path: Path) -> None:
    environment = {**variables(moto_url), "MEDIACONVERT_PORT": str(free_port())}
    command = [sys.executable, "-m", "devstack.mediaconvert"]
    with Child(command, log=tmp_path / "mediaconvert.log", environment=environment) as emulator:
        emulator.wait_ready(lambda: "listening" in emulator.output(), timeout=20)
        url = f"http://127.0.0.1:{environment['MEDIACONVERT_PORT']}"
        assert session().client("mediaconvert", endpoint_url=url).list_jobs()["Jobs"] == []
        emulator.send(signal.SIGTERM)
        assert emulator.wait(10) == 0


def test_the_demo_runs_and_ends_by_itself(tmp_path: Path) -> None:
    output = tmp_path / "demo-output"
    command = [sys.executable, "-m", "devstack.demo", "--output", str(output)]
    with Child(command, log=tmp_path / "demo.log") as demo:
        assert demo.wait(90) == 0, demo.tail()
        assert "Status PARTIAL_SUCCESS" in demo.output()
        assert "broken.jpg is meant to fail" in demo.output()
        assert (output / "index.html").as_uri() in demo.output()
    page = (output / "index.html").read_text()
    assert page.index("broken.jpg") < page.index("front.jpg")
    assert '<th scope="row">thumbnails</th>' in page
    assert page.count("<img") >= 4 * 13
    assert page.count("<video") == 4, "two sources and what was made of them"
    videos = [
        output / "bucket/28/processed/video" / name
        for name in ("horizontal/original/tour.mp4", "vertical/original/walk.mp4")
    ]
    assert [inspect(video).shown for video in videos] == [(1280, 720), (720, 1280)]
    assert zipfile.ZipFile(output / "28.zip").read("video/vertical/original/walk.mp4") == videos[1].read_bytes()
    assert (output / "callback.json").exists()
    assert (output / "28.zip").exists()


def test_an_installation_that_fails_is_no_success(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    command = [sys.executable, "-m", "devstack.install", str(lock)]
    with Child(command, log=tmp_path / "pip.log", environment={"PIP_NO_INDEX": "1"}) as installing:
        assert installing.wait(60) == 1
        assert "About 1 packages" in installing.output()
        assert "no-such-package" in installing.output()


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """Two pictures; of one the end is missing."""
    folder = tmp_path / "media"
    folder.mkdir()
    whole = encoded(Image.effect_noise((640, 480), 50), "JPEG")
    (folder / "whole.jpg").write_bytes(whole)
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    return folder


def demo_with(profile: str, media: Path) -> Path:
    output = media.parent / "demo-output"
    command = [sys.executable, "-m", "devstack.demo", "--output", str(output), "--media", str(media)]
    with Child([*command, "--profile", profile], log=media.parent / "demo.log") as demo:
        assert demo.wait(90) == 0, demo.tail()
    return output


def test_the_first_backend_is_told_of_a_partial_success_in_a_word_that_it_knows(media: Path) -> None:
    output = demo_with("first", media)
    callback = json.loads((output / "callback.json").read_text())
    assert callback["status"] == "SUCCEEDED"
    assert {entry["errorCode"] for entry in callback["outputs"]} == {"", "THUMBNAIL_PROCESSING_FAILED"}
    assert callback["zipBundles"] == ["28/processed/zip/28.zip"]
    assert not (output / "finalization.json").exists()


def test_the_newest_backend_gets_the_originals_by_a_finalization(media: Path) -> None:
    output = demo_with("newest", media)
    assert json.loads((output / "callback.json").read_text())["status"] == "PARTIAL_SUCCESS"
    finalization = json.loads((output / "finalization.json").read_text())
    assert (finalization["status"], finalization["provider"]) == ("SUCCEEDED", "STEP_FUNCTIONS_FINALIZATION")
    assert finalization["zipBundles"] == ["28/processed/zip/listing-media.zip"]
    with zipfile.ZipFile(output / "listing-media.zip") as archive:
        assert archive.namelist() == ["photo/horizontal/whole.jpg"]
        assert archive.read("photo/horizontal/whole.jpg") == (media / "whole.jpg").read_bytes()
    page = (output / "index.html").read_text()
    assert 'href="finalization.json"' in page
    assert 'href="listing-media.zip"' in page
