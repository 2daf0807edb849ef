"""Videos through a real worker and a real ffmpeg behind MediaConvert's API."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageStat

from devstack.aws import session
from devstack.clips import clip
from devstack.ecs_agent import EcsAgentEmulator, failure
from devstack.ffmpeg import ffmpeg, inspect
from devstack.mediaconvert import MediaConvertEmulator
from tests.delta_e import median_delta_e
from tests.e2e.world import Worker, World, jpeg

ROLE = "arn:aws:iam::000000000000:role/media-convert"
QUEUE = "arn:aws:mediaconvert:eu-central-1:000000000000:queues/Listings"
SIZES = ("thumbnail", "small", "medium", "large")
VIDEO = "28/raw/video/horizontal/tour.mp4"
PHOTO = "28/raw/photo/horizontal/a.jpg"


class Studio:
    """A world with a transcoder in it."""

    def __init__(self, world: World, transcoder: MediaConvertEmulator, scratch: Path) -> None:
        self.world = world
        self.transcoder = transcoder
        self._scratch = scratch

    def worker(self, **settings: str) -> AbstractContextManager[Worker]:
        settings = {"MEDIACONVERT_ROLE_ARN": ROLE, **settings}
        return self.world.worker(AWS_ENDPOINT_URL_MEDIACONVERT=self.transcoder.url, await_start=True, **settings)

    def upload(self, key: str, file: Path) -> str:
        return self.world.upload(key, file.read_bytes(), "video/mp4")

    def enqueue(self, *assets: Any, job_id: int = 21) -> None:
        self.world.enqueue({"jobId": job_id, "listingId": 28, "assets": assets})

    def fetched(self, key: str) -> Path:
        target = self._scratch / key.replace("/", "_")
        target.write_bytes(self.world.read(key))
        return target


@pytest.fixture
def endpoint(request: pytest.FixtureRequest) -> str:
    """moto for most tests: what differs from LocalStack isn't about videos."""
    url: str = request.getfixturevalue(f"{getattr(request, 'param', 'moto')}_url")
    return url


@pytest.fixture
def studio(world: World, tmp_path: Path) -> Iterator[Studio]:
    with MediaConvertEmulator(world.s3) as transcoder:
        yield Studio(world, transcoder, tmp_path)


def output_of(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return next(output for output in body["outputs"] if output["rawKey"] == key)


def atoms(data: bytes) -> list[bytes]:
    """The names of an MP4's outermost boxes, in order."""
    names, at = [], 0
    while at < len(data):
        names.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    return names


@pytest.mark.parametrize(
    "endpoint", ["moto", pytest.param("localstack", marks=pytest.mark.localstack)], indirect=True
)
def test_a_video_is_finished_when_the_backend_hears_of_it(studio: Studio, clips: Mapping[str, Path]) -> None:
    world = studio.world
    tour = studio.upload(VIDEO, clips["sound"])
    walk = studio.upload("28/raw/video/vertical/walk.mov", clips["rotated"])
    photo = world.upload(PHOTO, jpeg())
    with studio.worker(MEDIACONVERT_QUEUE_ARN=QUEUE) as worker:
        studio.enqueue(tour, photo, walk)
        body = world.receiver.wait_for(1)[0].payload
        world.wait_until_settled()
        steps = [line["step"] for line in worker.events("step done")]
        metrics = worker.get("/metrics")[1]
    assert steps == ["validate", "submit", "thumbnails", "videos", "confirm", "zip", "consolidate", "callback"]
    assert 'media_worker_step_seconds_count{step="videos"} 1.0' in metrics
    assert body["status"] == "SUCCEEDED"
    for key, shown, sound in ((tour, (640, 360), True), (walk, (360, 640), False)):
        output = output_of(body, key)
        label = key.split("/")[2] + "_" + key.split("/")[3]
        folder, stem = f"28/processed/{label.replace('_', '/')}", Path(key).stem
        assert output["outputs"] == {
            f"{size}_{label}": f"{folder}/{size}/{stem}.mp4" for size in (*SIZES, "original")
        }
        assert output["processedKey"] == f"{folder}/original/{stem}.mp4"
        assert output["thumbnailKey"] == f"{folder}/thumbnail/{stem}.mp4"
        assert (output["width"], output["height"]) == shown
        check_video(studio.fetched(output["processedKey"]), shown, sound)
        check_poster(world, output, label, shown)
        assert world.tags(key) == {"stage": "raw"}
    frames = world.keys("28/work/frames/")
    assert len(frames) == 4
    assert all(world.tags(frame) == {"stage": "work"} for frame in frames)
    assert [(job.request["role"], job.request["queue"]) for job in studio.transcoder.jobs] == [(ROLE, QUEUE)] * 2
    with world.bundle(28) as archive:
        assert archive.read("video/horizontal/original/tour.mp4") == world.read(
            "28/processed/video/horizontal/original/tour.mp4"
        )
        names = set(archive.namelist())
    assert {"video/vertical/original/walk.mp4", "video/vertical/large/walk.jpg"} <= names
    assert not any("work" in name for name in names)


def check_video(file: Path, shown: tuple[int, int], sound: bool) -> None:
    video = inspect(file)
    assert video.codec == "h264"
    assert (video.width, video.height) == shown
    assert video.rotation == 0
    assert 2.5 < video.seconds < 3.5
    if sound:
        assert video.sound
        assert (video.sound.codec, video.sound.sample_rate) == ("aac", 48_000)
        assert video.sound.channels == "stereo"
    else:
        assert video.sound is None
    boxes = atoms(file.read_bytes())
    assert boxes.index(b"moov") < boxes.index(b"mdat")


def check_poster(world: World, output: Mapping[str, Any], label: str, shown: tuple[int, int]) -> None:
    for size, width in zip(SIZES, (200, 400, 800, 1200), strict=True):
        stored = world.s3.get_object(Bucket=world.bucket, Key=output["outputs"][f"{size}_{label}"])
        assert stored["ContentType"] == "image/jpeg"
        poster = Image.open(io.BytesIO(stored["Body"].read()))
        assert poster.format == "JPEG"
        assert poster.width == min(width, shown[0])
        assert (poster.width > poster.height) == (shown[0] > shown[1])
        assert ImageStat.Stat(poster.convert("L")).mean[0] > 40, "the first frame is black, the one at 2 s isn't"


def test_nothing_is_enlarged_and_a_large_one_fits_the_box(studio: Studio, tmp_path: Path) -> None:
    large = studio.upload(VIDEO, clip(tmp_path / "large.mp4", (2560, 1440), seconds=1, sound=False))
    tall = "28/raw/video/vertical/tall.mp4"
    studio.upload(tall, clip(tmp_path / "tall.mp4", (1440, 2560), seconds=1, sound=False))
    with studio.worker():
        studio.enqueue(large, tall)
        body = studio.world.receiver.wait_for(1, timeout=60)[0].payload
    for key, made in ((large, (1920, 1080)), (tall, (1080, 1920))):
        video = inspect(studio.fetched(output_of(body, key)["processedKey"]))
        assert (video.width, video.height) == made
    assert len(studio.world.keys("28/work/frames/")) == 2, (
        "a clip of a second has one frame, and that is its poster"
    )


def test_every_container_is_taken(studio: Studio, tmp_path: Path) -> None:
    codecs = {
        "mp4": "libx264",
        "mov": "libx264",
        "mkv": "libx264",
        "webm": "libvpx",
        "avi": "mpeg4",
        "ts": "mpeg2video",
    }
    keys = [
        studio.upload(
            f"28/raw/video/horizontal/{name}.{name}",
            clip(tmp_path / f"clip.{name}", (320, 180), seconds=1, sound=False, codec=codec),
        )
        for name, codec in codecs.items()
    ]
    with studio.worker():
        studio.enqueue(*keys)
        body = studio.world.receiver.wait_for(1, timeout=60)[0].payload
    assert body["status"] == "SUCCEEDED"
    assert [Path(output["processedKey"]).name for output in body["outputs"]] == [f"{name}.mp4" for name in codecs]
    for output in body["outputs"]:
        assert inspect(studio.fetched(output["processedKey"])).codec == "h264"
    assert len(studio.transcoder.jobs) == len(codecs)
    journal = studio.world.journal(28, 21)
    assert {each["rawKey"] for each in journal["transcodings"]} == set(keys), "none was lost to a race"


def wait_until_submitted(worker: Worker) -> None:
    """Until the video's job is in the journal and everything else of the message is done."""
    worker.wait_for_event("waiting for videos")


def check_the_next_one_finishes(studio: Studio) -> None:
    with studio.worker() as second:
        wait_until_submitted(second)
        studio.transcoder.release()
        body = studio.world.receiver.wait_for(1)[0].payload
        studio.world.wait_until_settled()
    assert body["status"] == "SUCCEEDED"
    assert studio.transcoder.calls.count("CreateJob") == 1
    assert len(studio.world.receiver.callbacks) == 1


def test_a_worker_killed_while_it_waits_leads_to_one_transcoding_and_one_callback(
    studio: Studio, clips: Mapping[str, Path]
) -> None:
    studio.transcoder.hold()
    video, photo = studio.upload(VIDEO, clips["sound"]), studio.world.upload(PHOTO, jpeg())
    with studio.worker() as first:
        studio.enqueue(video, photo)
        wait_until_submitted(first)
        first.send(signal.SIGKILL)
        first.wait(10)
    assert studio.world.journal(28, 21)["transcodings"][0]["id"] == studio.transcoder.jobs[0].id
    check_the_next_one_finishes(studio)


def test_a_worker_told_to_stop_releases_what_only_waits_and_the_next_one_goes_on(
    studio: Studio, clips: Mapping[str, Path]
) -> None:
    studio.transcoder.hold()
    video, photo = studio.upload(VIDEO, clips["sound"]), studio.world.upload(PHOTO, jpeg())
    with studio.worker() as first:
        studio.enqueue(video, photo)
        wait_until_submitted(first)
        first.send(signal.SIGTERM)
        assert first.wait(15) == 0, "the grace period is 100 s, and isn't used"
    check_the_next_one_finishes(studio)


def test_a_task_of_ecs_is_protected_while_a_job_waits(studio: Studio, clips: Mapping[str, Path]) -> None:
    studio.transcoder.hold()
    video = studio.upload(VIDEO, clips["rotated"])
    with EcsAgentEmulator() as agent, studio.worker(ECS_AGENT_URI=agent.uri) as worker:
        agent.plan(failure("DEPLOYMENT_BLOCKED"))
        studio.enqueue(video)
        worker.wait_for_event("the protection from scale-in can't be changed")
        (refused,) = worker.events("the protection from scale-in can't be changed")
        agent.wait_until(lambda asked: asked == [15], timeout=45)
        studio.transcoder.release()
        agent.wait_until(lambda asked: asked == [15, 0])
        studio.world.receiver.wait_for(1)
        studio.world.wait_until_settled()
    assert "DEPLOYMENT_BLOCKED" in refused["why"]


def test_a_job_that_only_waits_holds_no_place(studio: Studio, clips: Mapping[str, Path]) -> None:
    studio.transcoder.hold()
    video, photo = studio.upload(VIDEO, clips["rotated"]), studio.world.upload(PHOTO, jpeg())
    with studio.worker(WORKER_CONCURRENCY="1") as worker:
        studio.enqueue(video)
        wait_until_submitted(worker)
        studio.enqueue(photo, job_id=22)
        callbacks = studio.world.receiver.wait_for(1)
        assert callbacks[0].payload["jobId"] == 22
        assert "media_worker_waiting 1.0" in worker.get("/metrics")[1]
        studio.transcoder.release()
        callbacks = studio.world.receiver.wait_for(2)
        studio.world.wait_until_settled()
    assert [(each.payload["jobId"], each.payload["status"]) for each in callbacks] == [
        (22, "SUCCEEDED"),
        (21, "SUCCEEDED"),
    ]


def bad_videos(studio: Studio, *videos: str, **settings: str) -> list[Mapping[str, Any]]:
    """The videos' outputs after a job with a good photo, whose four sizes must all have come out."""
    photo = studio.world.upload(PHOTO, jpeg())
    with studio.worker(**settings):
        studio.enqueue(*videos, photo)
        body = studio.world.receiver.wait_for(1, timeout=60)[0].payload
        studio.world.wait_until_settled()
    assert body["status"] == "PARTIAL_SUCCESS"
    assert len(output_of(body, photo)["outputs"]) == 4
    assert set(output_of(body, photo)["outputs"].values()) <= studio.world.keys("28/processed/")
    outputs = [output_of(body, video) for video in videos]
    for failed in outputs:
        assert "processedKey" not in failed
        assert failed["errorMessage"]
    return outputs


def test_what_is_no_video_is_not_submitted(studio: Studio, clips: Mapping[str, Path]) -> None:
    world = studio.world
    bad = [
        world.upload("28/raw/video/vertical/text.mp4", b"just some text", "video/mp4"),
        world.upload("28/raw/video/vertical/empty.mp4", b"", "video/mp4"),
        studio.upload("28/raw/video/vertical/a$dt$.mp4", clips["sound"]),
        world.upload(
            "28/raw/video/vertical/large.mp4", clips["sound"].read_bytes() + bytes(1_000_000), "video/mp4"
        ),
    ]
    for failed in bad_videos(studio, *bad, MAX_VIDEO_BYTES="1000000"):
        assert failed["errorCode"] == "VALIDATION_ERROR"
    assert studio.transcoder.calls == []


def test_a_missing_role_fails_videos_alone(studio: Studio, clips: Mapping[str, Path]) -> None:
    (failed,) = bad_videos(studio, studio.upload(VIDEO, clips["sound"]), MEDIACONVERT_ROLE_ARN="")
    assert failed["errorCode"] == "VIDEO_PROCESSING_FAILED"
    assert "MEDIACONVERT_ROLE_ARN" in failed["errorMessage"]
    assert studio.transcoder.calls == []


def test_a_video_that_mediaconvert_cannot_read_is_submitted_once(
    studio: Studio, clips: Mapping[str, Path]
) -> None:
    cut = studio.world.upload(VIDEO, clips["sound"].read_bytes()[:2000], "video/mp4")
    (failed,) = bad_videos(studio, cut)
    assert failed["errorCode"] == "VIDEO_PROCESSING_FAILED"
    assert "1076" in failed["errorMessage"]
    assert len(studio.transcoder.jobs) == 1


def test_one_that_a_person_cancels_fails_and_is_not_submitted_again(
    studio: Studio, clips: Mapping[str, Path]
) -> None:
    studio.transcoder.hold()
    video, photo = studio.upload(VIDEO, clips["sound"]), studio.world.upload(PHOTO, jpeg())
    person = session().client("mediaconvert", endpoint_url=studio.transcoder.url)
    with studio.worker() as worker:
        studio.enqueue(video, photo)
        wait_until_submitted(worker)
        person.cancel_job(Id=studio.transcoder.jobs[0].id)
        body = studio.world.receiver.wait_for(1)[0].payload
        studio.world.wait_until_settled()
    assert body["status"] == "PARTIAL_SUCCESS"
    assert output_of(body, video)["errorCode"] == "VIDEO_PROCESSING_FAILED"
    assert "canceled" in output_of(body, video)["errorMessage"]
    assert len(studio.transcoder.jobs) == 1


@pytest.mark.parametrize(("failures", "status"), [(1, "SUCCEEDED"), (2, "PARTIAL_SUCCESS")])
def test_a_service_error_is_submitted_again_and_only_once(
    studio: Studio, clips: Mapping[str, Path], failures: int, status: str
) -> None:
    for _ in range(failures):
        studio.transcoder.fail(1550, "a service error, as ordered")
    video, photo = studio.upload(VIDEO, clips["sound"]), studio.world.upload(PHOTO, jpeg())
    with studio.worker():
        studio.enqueue(video, photo)
        body = studio.world.receiver.wait_for(1)[0].payload
        studio.world.wait_until_settled()
    assert body["status"] == status
    assert len(studio.transcoder.jobs) == 2


def test_a_video_that_never_ends_fails_on_the_last_receive_and_the_rest_is_reported(
    make_world: Callable[[int], World], tmp_path: Path, clips: Mapping[str, Path]
) -> None:
    world = make_world(1)
    with MediaConvertEmulator(world.s3) as transcoder:
        transcoder.hold()
        studio = Studio(world, transcoder, tmp_path)
        (failed,) = bad_videos(studio, studio.upload(VIDEO, clips["sound"]), JOB_TIMEOUT="8")
        assert failed["errorCode"] == "VIDEO_PROCESSING_FAILED"
        assert transcoder.jobs[0].id in failed["errorMessage"]
        assert len(transcoder.jobs) == 1


def test_a_create_job_that_is_throttled_for_long_costs_no_attempt_and_holds_up_no_photo(
    studio: Studio, clips: Mapping[str, Path]
) -> None:
    studio.transcoder.refuse("CreateJob", 429, "TooManyRequestsException", 1000)
    video, photo = studio.upload(VIDEO, clips["sound"]), studio.world.upload(PHOTO, jpeg())
    with studio.worker() as worker:
        studio.enqueue(video, photo)
        worker.wait_for_event("waiting for the end of an outage", 2)
        assert len(studio.world.keys("28/processed/photo/")) == 4, "the photos are done all the same"
        studio.transcoder.accept("CreateJob")
        body = studio.world.receiver.wait_for(1, timeout=60)[0].payload
        studio.world.wait_until_settled()
        assert not worker.events("attempt failed; message left to the queue")
    assert body["status"] == "SUCCEEDED"
    assert len(studio.transcoder.jobs) == 1


def test_a_get_job_that_fails_for_a_while_costs_nothing_but_time(
    studio: Studio, clips: Mapping[str, Path]
) -> None:
    studio.transcoder.refuse("GetJob", 500, "InternalServerErrorException", 3)
    studio.transcoder.refuse("GetJob", 429, "TooManyRequestsException", 3)
    video, photo = studio.upload(VIDEO, clips["sound"]), studio.world.upload(PHOTO, jpeg())
    with studio.worker() as worker:
        studio.enqueue(video, photo)
        body = studio.world.receiver.wait_for(1, timeout=60)[0].payload
        studio.world.wait_until_settled()
        assert len(worker.events("a transcoding can't be asked after")) == 1, "500: perhaps it alone"
        assert len(worker.events("transcodings can't be asked after")) == 1, "429: all"
    assert body["status"] == "SUCCEEDED"
    assert len(studio.transcoder.jobs) == 1


def test_a_source_that_cannot_be_probed_is_taken_for_what_its_type_says(
    studio: Studio, clips: Mapping[str, Path]
) -> None:
    studio.transcoder.refuse("Probe", 403, "ForbiddenException", 2)
    keys = [
        studio.upload("28/raw/video/vertical/walk.mov", clips["rotated"]),
        studio.upload(VIDEO, clips["sound"]),
    ]
    with studio.worker() as worker:
        studio.enqueue(*keys)
        body = studio.world.receiver.wait_for(1)[0].payload
        assert (
            len(worker.events("not probed: the orientation is taken from the asset's type, and sound is assumed"))
            == 2
        )
    assert body["status"] == "SUCCEEDED"
    walk, tour = (inspect(studio.fetched(output["processedKey"])) for output in body["outputs"])
    assert ((walk.width, walk.height), walk.sound) == ((360, 640), None), "silent, though sound was assumed"
    assert tour.sound
    assert "width" not in body["outputs"][0]


SEEN = 4
"""The most that a tone-mapped picture may differ, in ΔE76; what encoding alone costs is 1 to 2.5."""


def frame(video: Path, filters: str = "zscale=matrix=gbr:range=pc") -> Image.Image:
    """The frame at two seconds, its values as they are unless `filters` do something to them."""
    still = video.with_suffix(".png")
    ffmpeg("-ss", "2", "-i", video, "-vf", f"{filters},format=gbrp", "-frames:v", "1", "-update", "1", still)
    return Image.open(still)


def tone_mapped(video: Path) -> Image.Image:
    """The frame at two seconds in SDR, straight from the upload: 203 cd/m² are white, and its peak is 1,000."""
    light = "zscale=transfer=linear:npl=203,format=gbrpf32le,zscale=primaries=bt709"
    return frame(
        video, f"{light},tonemap=mobius:desat=0:peak={1000 / 203},zscale=transfer=bt709:matrix=gbr:range=pc"
    )


def poster(world: World, output: Mapping[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(world.read(output["outputs"]["large_video_horizontal"])))


@pytest.mark.parametrize("coded", ["HLG", "PQ"])
def test_an_hdr_video_becomes_sdr_and_so_does_its_poster(
    studio: Studio, hdr_clips: Mapping[str, Path], coded: str, tmp_path: Path
) -> None:
    upload = tmp_path / "upload.mov"
    upload.write_bytes(hdr_clips[coded].read_bytes())
    with studio.worker():
        studio.enqueue(studio.upload(VIDEO, upload))
        output = studio.world.receiver.wait_for(1)[0].payload["outputs"][0]
    made = studio.fetched(output["processedKey"])
    assert (inspect(made).primaries, inspect(made).transfer) == ("bt709", "bt709")
    expected = tone_mapped(upload)
    assert median_delta_e(frame(made), expected) <= SEEN
    assert median_delta_e(poster(studio.world, output), expected) <= SEEN


def test_an_hdr_video_stays_as_it_is_without_tone_mapping_and_afterwards_until_its_mp4_is_gone(
    studio: Studio, hdr_clips: Mapping[str, Path], tmp_path: Path
) -> None:
    world, upload = studio.world, tmp_path / "upload.mov"
    upload.write_bytes(hdr_clips["HLG"].read_bytes())
    studio.upload(VIDEO, upload)
    with studio.worker(VIDEO_TONE_MAPPING="false"):
        studio.enqueue(VIDEO)
        output = world.receiver.wait_for(1)[0].payload["outputs"][0]
        world.wait_until_settled()
    made = studio.fetched(output["processedKey"])
    assert inspect(made).transfer == "arib-std-b67"
    assert median_delta_e(frame(made), tone_mapped(upload)) > 2 * SEEN
    assert median_delta_e(poster(world, output), tone_mapped(upload)) > 2 * SEEN
    with studio.worker():
        studio.enqueue(VIDEO, job_id=22)
        world.receiver.wait_for(2)
        assert world.read(output["processedKey"]) == made.read_bytes()
        world.s3.delete_object(Bucket=world.bucket, Key=output["processedKey"])
        studio.enqueue(VIDEO, job_id=23)
        world.receiver.wait_for(3)
        world.wait_until_settled()
    assert inspect(studio.fetched(output["processedKey"])).transfer == "bt709"
    assert median_delta_e(poster(world, output), tone_mapped(upload)) <= SEEN
    assert len(studio.transcoder.jobs) == 2
