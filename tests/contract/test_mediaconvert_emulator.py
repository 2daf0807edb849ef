"""What the emulator has of MediaConvert beyond what the worker asks of it, with a real ffmpeg."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image, ImageStat

from adapters.mediaconvert import Shape, job_request
from devstack.aws import session
from devstack.ffmpeg import FfmpegError, executable, ffmpeg, inspect
from devstack.mediaconvert import MediaConvertEmulator
from domain import keys
from domain.kinds import AssetType
from domain.model import Source
from tests.contract.aws import Bucket
from tests.delta_e import median_delta_e

if TYPE_CHECKING:
    from mypy_boto3_mediaconvert import MediaConvertClient

KEY = "28/raw/video/vertical/v.mov"
SHAPE = Shape(640, 360, portrait=False, sound=True)


class Studio:
    def __init__(self, endpoint: str, scratch: Path) -> None:
        self.bucket = Bucket(endpoint)
        self.emulator = MediaConvertEmulator(self.bucket.client)
        self.client: MediaConvertClient = session().client("mediaconvert", endpoint_url=self.emulator.url)
        self._scratch = scratch

    def request(self, **changes: Any) -> dict[str, Any]:
        source = Source(keys.parse_raw(KEY, 28), AssetType.VIDEO, "e", 1)
        request = job_request(source, SHAPE, self.bucket.name, "arn", 1)
        return copy.deepcopy({**request, **changes})

    def run(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Submit a job and wait for its end; returns it as GetJob shows it."""
        job_id = self.client.create_job(**request)["Job"]["Id"]
        while (job := self.client.get_job(Id=job_id)["Job"])["Status"] in {"SUBMITTED", "PROGRESSING"}:
            pass
        return dict(job)

    def fetched(self, key: str) -> Path:
        target = self._scratch / "fetched.mp4"
        target.write_bytes(self.bucket.client.get_object(Bucket=self.bucket.name, Key=key)["Body"].read())
        return target


@pytest.fixture
def studio(moto_url: str, tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(moto_url, tmp_path)
    with studio.emulator:
        yield studio


def mp4_of(request: Mapping[str, Any]) -> Any:
    return request["Settings"]["OutputGroups"][0]["Outputs"][0]


def test_a_finished_job_tells_what_it_made_and_no_paths(studio: Studio, clips: Mapping[str, Path]) -> None:
    studio.bucket.put(KEY, clips["sound"].read_bytes())
    job = studio.run(studio.request())
    assert job["Status"] == "COMPLETE"
    made = [group["OutputDetails"] for group in job["OutputGroupDetails"]]
    assert [[output["VideoDetails"] for output in outputs] for outputs in made] == [
        [{"WidthInPx": 640, "HeightInPx": 360}],
        [{"WidthInPx": 640, "HeightInPx": 360}],
    ]
    assert 2900 < made[0][0]["DurationInMs"] < 3200
    assert job["UserMetadata"]["rawKey"] == KEY
    assert studio.client.list_jobs()["Jobs"][0]["Id"] == job["Id"]
    with pytest.raises(ClientError, match="ConflictException"):
        studio.client.cancel_job(Id=job["Id"])


def test_the_states_of_a_job(studio: Studio, clips: Mapping[str, Path]) -> None:
    studio.bucket.put(KEY, clips["rotated"].read_bytes())
    studio.emulator.hold()
    created = studio.client.create_job(**studio.request())["Job"]
    assert created["Status"] in {"SUBMITTED", "PROGRESSING"}
    while studio.client.get_job(Id=created["Id"])["Job"]["Status"] != "PROGRESSING":
        pass
    studio.emulator.release()
    while (status := studio.client.get_job(Id=created["Id"])["Job"]["Status"]) == "PROGRESSING":
        pass
    assert status == "COMPLETE"


def test_it_pads_and_enlarges_where_nobody_told_it_not_to(studio: Studio, clips: Mapping[str, Path]) -> None:
    studio.bucket.put(KEY, clips["rotated"].read_bytes())
    request = studio.request()
    del mp4_of(request)["VideoDescription"]["ScalingBehavior"]
    studio.run(request)
    video = inspect(studio.fetched("28/processed/video/vertical/original/v.mp4"))
    assert (video.width, video.height) == (1920, 1080)


def test_it_does_not_turn_a_video_that_nobody_told_it_to(studio: Studio, clips: Mapping[str, Path]) -> None:
    studio.bucket.put(KEY, clips["rotated"].read_bytes())
    request = studio.request()
    del request["Settings"]["Inputs"][0]["VideoSelector"]
    studio.run(request)
    video = inspect(studio.fetched("28/processed/video/vertical/original/v.mp4"))
    assert (video.width, video.height) == (640, 360)


def correct_colours(request: Any) -> None:
    """Ask for a conversion to Rec. 709 of the MP4."""
    mp4_of(request)["VideoDescription"]["VideoPreprocessors"] = {
        "ColorCorrector": {"ColorSpaceConversion": "FORCE_709"}
    }


def seen_of(studio: Studio, **changes: Any) -> Image.Image:
    """The first frame of the MP4, its colours corrected, with changes to the input's selector."""
    request = studio.request(ClientRequestToken=repr(changes))
    correct_colours(request)
    request["Settings"]["Inputs"][0]["VideoSelector"].update(changes)
    assert studio.run(request)["Status"] == "COMPLETE"
    video = studio.fetched("28/processed/video/vertical/original/v.mp4")
    ffmpeg("-i", video, "-frames:v", "1", "-update", "1", still := video.with_suffix(".png"))
    with Image.open(still) as picture:
        return picture.convert("RGB")


def test_tone_mapping_has_no_effect_on_sdr_and_a_wrong_color_space_has_one(
    studio: Studio, clips: Mapping[str, Path], hdr_clips: Mapping[str, Path]
) -> None:
    studio.bucket.put(KEY, hdr_clips["HLG"].read_bytes())
    followed = seen_of(studio)
    assert median_delta_e(followed, seen_of(studio, ColorSpaceUsage="FORCE", ColorSpace="HDR10")) > 10
    assert median_delta_e(followed, seen_of(studio, ColorSpaceUsage="FALLBACK", ColorSpace="HDR10")) == 0
    studio.bucket.put(KEY, clips["rotated"].read_bytes())
    request = studio.request(ClientRequestToken="plain")
    studio.run(request)
    plain = studio.fetched("28/processed/video/vertical/original/v.mp4").read_bytes()
    seen_of(studio, Rotate="AUTO")
    assert studio.fetched("28/processed/video/vertical/original/v.mp4").read_bytes() == plain


def test_pq_is_brighter_where_its_peak_is_said_to_be_lower(studio: Studio, hdr_clips: Mapping[str, Path]) -> None:
    studio.bucket.put(KEY, hdr_clips["PQ"].read_bytes())
    dim, bright = seen_of(studio), seen_of(studio, MaxLuminance=4_000_000)
    assert ImageStat.Stat(bright.convert("L")).mean[0] > ImageStat.Stat(dim.convert("L")).mean[0] + 1


def test_it_fails_on_a_sound_track_that_is_not_there(studio: Studio, clips: Mapping[str, Path]) -> None:
    studio.bucket.put(KEY, clips["rotated"].read_bytes())
    request = studio.request()
    request["Settings"]["Inputs"][0]["AudioSelectors"] = {"Audio Selector 1": {"Tracks": [1]}}
    job = studio.run(request)
    assert (job["Status"], job["ErrorCode"]) == ("ERROR", 1020)


def test_it_fails_on_an_input_that_is_missing_or_no_video(studio: Studio) -> None:
    assert studio.run(studio.request())["ErrorCode"] == 1404
    studio.bucket.put(KEY, b"just some text")
    assert studio.run(studio.request(ClientRequestToken="another"))["ErrorCode"] == 1076


def test_it_refuses_what_the_service_would_refuse(studio: Studio) -> None:
    automatic = studio.request()
    automatic["Settings"]["Inputs"][0]["VideoSelector"]["Rotate"] = "AUTOMATIC"
    bitrate = studio.request()
    mp4_of(bitrate)["VideoDescription"]["CodecSettings"]["H264Settings"]["Bitrate"] = 5_000_000
    deaf = studio.request()
    del deaf["Settings"]["Inputs"][0]["AudioSelectors"]
    frames = studio.request()
    del frames["Settings"]["OutputGroups"][0]
    for request, why in ((automatic, "AUTOMATIC"), (bitrate, "QVBR"), (deaf, "selector"), (frames, "alone")):
        with pytest.raises(ClientError, match=why) as refused:
            studio.client.create_job(**request)
        assert refused.value.response["Error"]["Code"] == "BadRequestException"
    assert studio.emulator.jobs == []


def test_what_is_not_emulated_says_so(studio: Studio) -> None:
    with pytest.raises(ClientError, match="isn't emulated"):
        studio.client.list_queues()


def test_ffmpeg_says_why_it_failed(tmp_path: Path) -> None:
    assert Path(executable()).exists()
    (tmp_path / "text.mp4").write_text("just some text")
    with pytest.raises(FfmpegError, match="Invalid data"):
        ffmpeg("-i", tmp_path / "text.mp4", tmp_path / "out.mp4")
    with pytest.raises(FfmpegError, match="Invalid data"):
        inspect(tmp_path / "text.mp4")
