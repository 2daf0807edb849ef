"""Videos through a real worker and a real ffmpeg behind MediaConvert's API."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageStat

from devstack.clips import clip
from devstack.ffmpeg import inspect
from devstack.mediaconvert import MediaConvertEmulator
from tests.e2e.world import Worker, World, jpeg

ROLE = "arn:aws:iam::000000000000:role/media-convert"
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


def test_a_video_is_finished_when_the_backend_hears_of_it(studio: Studio, clips: Mapping[str, Path]) -> None:
    world = studio.world
    tour = studio.upload(VIDEO, clips["sound"])
    walk = studio.upload("28/raw/video/vertical/walk.mov", clips["rotated"])
    photo = world.upload(PHOTO, jpeg())
    with studio.worker():
        studio.enqueue(tour, photo, walk)
        body = world.receiver.wait_for(1)[0].payload
        world.wait_until_settled()
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
    assert len(studio.transcoder.jobs) == 2
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
