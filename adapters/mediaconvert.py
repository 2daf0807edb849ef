"""The transcoder: AWS Elemental MediaConvert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog
from botocore.exceptions import ClientError

from adapters.aws_errors import mediaconvert_errors
from adapters.mediaconvert_hdr import Hdr, hdr_of, hdr_selector, sdr_conversion
from adapters.mediaconvert_keys import CAPTURES, check_name, frame_keys
from domain import keys
from domain.errors import Permanent, excerpt
from domain.keys import RawKey
from domain.kinds import AssetType, Size
from domain.model import Source, Transcoding, TranscodingResult

if TYPE_CHECKING:
    from mypy_boto3_mediaconvert import MediaConvertClient
    from mypy_boto3_mediaconvert.type_defs import (
        AudioDescriptionTypeDef,
        CreateJobRequestTypeDef,
        InputTypeDef,
        OutputGroupTypeDef,
        OutputTypeDef,
        ProbeResponseTypeDef,
        VideoDescriptionTypeDef,
    )

LONG_SIDE, SHORT_SIDE = 1920, 1080
CURABLE = frozenset({1550, 1999})
"""Service errors that a retry can cure: https://docs.aws.amazon.com/mediaconvert/latest/ug/mediaconvert_error_codes.html

1010 to 1092 are about the input, 1401 to 1515 about permissions: a retry would cost money and fail again.
"""
_SOUND = "Audio Selector 1"
_AAC: AudioDescriptionTypeDef = {
    "AudioSourceName": _SOUND,
    "CodecSettings": {
        "Codec": "AAC",
        "AacSettings": {"Bitrate": 128_000, "CodingMode": "CODING_MODE_2_0", "SampleRate": 48_000},
    },
}
_TOO_MANY_REQUESTS, _SERVER_ERROR, _NOT_IMPLEMENTED = 429, 500, 501


@dataclass(frozen=True, slots=True)
class Shape:
    """The properties of a video that its job depends on: its size in pixels, rotation applied, None where it isn't
    known; whether it is upright; whether it has sound; the HDR that is to become SDR, None where none is.
    """

    width: int | None
    height: int | None
    portrait: bool
    sound: bool
    hdr: Hdr | None = None


class MediaConvert:
    """The `Transcoder` port.

    `role` is what MediaConvert takes on, `queue` None the account's default queue, and with `tone_mapping` HDR
    becomes SDR.
    """

    def __init__(
        self, client: MediaConvertClient, bucket: str, role: str, queue: str | None, tone_mapping: bool = True
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._role = role
        self._queue = queue
        self._tone_mapping = tone_mapping

    def check_name(self, raw: RawKey) -> None:
        check_name(raw)

    def frames(self, source: Source) -> Sequence[str]:
        return frame_keys(source)

    def submit(self, source: Source, generation: int) -> Transcoding:
        shape = self._probe(source)
        if not self._tone_mapping:
            shape = replace(shape, hdr=None)
        request = job_request(source, shape, self._bucket, self._role, generation)
        if self._queue:
            request["Queue"] = self._queue
        with mediaconvert_errors(f"submit {source.raw.key} to MediaConvert"):
            submitted = self._client.create_job(**request)["Job"]
        return Transcoding(source.raw.key, source.etag, submitted["Id"], shape.width, shape.height)

    def result(self, transcoding_id: str) -> TranscodingResult | None:
        try:
            with mediaconvert_errors(f"ask after MediaConvert job {transcoding_id}"):
                job = self._client.get_job(Id=transcoding_id)["Job"]
        except Permanent as error:
            return TranscodingResult(False, str(error))
        status = job.get("Status")
        if status == "COMPLETE":
            return TranscodingResult(True)
        if status == "CANCELED":
            return TranscodingResult(False, f"MediaConvert job {transcoding_id} was canceled")
        if status == "ERROR":
            code, why = job.get("ErrorCode"), job.get("ErrorMessage", "no reason given")
            message = excerpt(f"MediaConvert job {transcoding_id} failed: {code}, {why}")
            return TranscodingResult(False, message, code in CURABLE)
        return None

    def _probe(self, source: Source) -> Shape:
        """Have MediaConvert probe the source; where it refuses, assume what the asset's type says."""
        with mediaconvert_errors(f"probe {source.raw.key}"):
            try:
                answer = self._client.probe(InputFiles=[{"FileUrl": f"s3://{self._bucket}/{source.raw.key}"}])
            except ClientError as error:
                status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
                if status == _TOO_MANY_REQUESTS or (status >= _SERVER_ERROR and status != _NOT_IMPLEMENTED):
                    raise
                structlog.get_logger().warning(
                    "not probed: the orientation is taken from the asset's type, and sound is assumed",
                    key=source.raw.key, why=str(error),
                )  # fmt: skip
                return _assumed(source)
        return shape_of(answer, source)


def _assumed(source: Source) -> Shape:
    return Shape(None, None, source.type is AssetType.VIDEO_VERTICAL, sound=True)


def shape_of(answer: ProbeResponseTypeDef, source: Source) -> Shape:
    """Read Probe's answer about a video."""
    tracks = [
        track for result in answer["ProbeResults"] for track in result.get("Container", {}).get("Tracks", [])
    ]
    video = next((track["VideoProperties"] for track in tracks if "VideoProperties" in track), None)
    if video is None or "Width" not in video or "Height" not in video:
        return _assumed(source)
    width, height = video["Width"], video["Height"]
    if video.get("Rotation", 0) % 180 == 90:
        width, height = height, width
    sound = any(track.get("TrackType") == "audio" for track in tracks)
    return Shape(width, height, height > width, sound, hdr_of(video))


def job_request(source: Source, shape: Shape, bucket: str, role: str, generation: int) -> CreateJobRequestTypeDef:
    """One video's job: the MP4 and two frames, two seconds apart.

    Nothing in it is of the job that asks: with the same token MediaConvert wants the very same request.
    What changes here wants a new `Kind.VIDEO.recipe`, or a token of its own.
    """
    video = source.derived(Size.ORIGINAL).removesuffix(".mp4")
    frames = keys.frames(source.raw, source.etag)
    colours = "-sdr" if shape.hdr else ""
    token = f"{keys.fingerprint(source.raw, source.etag)}-{source.origin.recipe}-{generation}{colours}"
    return {
        "Role": role,
        "ClientRequestToken": token,
        "UserMetadata": {
            "app": "media-worker",
            "listingId": str(source.raw.listing_id),
            "rawKey": source.raw.key,
        },
        "Settings": {
            "Inputs": [_input(f"s3://{bucket}/{source.raw.key}", shape)],
            "OutputGroups": [
                _group("MP4", f"s3://{bucket}/{video}", _mp4(shape)),
                _group("Frames", f"s3://{bucket}/{frames}", _captures(shape)),
            ],
        },
    }


def _input(url: str, shape: Shape) -> InputTypeDef:
    source: InputTypeDef = {
        "FileInput": url,
        "TimecodeSource": "ZEROBASED",
        "VideoSelector": {"Rotate": "AUTO", **hdr_selector(shape.hdr)},
    }
    if shape.sound:
        # Not by track number: with one, a source without sound fails.
        source["AudioSelectors"] = {_SOUND: {"DefaultSelection": "DEFAULT"}}
    return source


def _group(name: str, destination: str, output: OutputTypeDef) -> OutputGroupTypeDef:
    return {
        "Name": name,
        "OutputGroupSettings": {
            "Type": "FILE_GROUP_SETTINGS",
            "FileGroupSettings": {"Destination": destination},
        },
        "Outputs": [output],
    }


def _mp4(shape: Shape) -> OutputTypeDef:
    output: OutputTypeDef = {
        "ContainerSettings": {"Container": "MP4", "Mp4Settings": {"MoovPlacement": "PROGRESSIVE_DOWNLOAD"}},
        "VideoDescription": {
            **_picture(shape),
            "CodecSettings": {
                "Codec": "H_264",
                "H264Settings": {
                    "RateControlMode": "QVBR",
                    "QvbrSettings": {"QvbrQualityLevel": 8},
                    "MaxBitrate": 5_000_000,
                    "QualityTuningLevel": "SINGLE_PASS_HQ",
                    "SceneChangeDetect": "TRANSITION_DETECTION",
                    "FramerateControl": "INITIALIZE_FROM_SOURCE",
                },
            },
        },
    }
    if shape.sound:
        output["AudioDescriptions"] = [_AAC]
    return output


def _captures(shape: Shape) -> OutputTypeDef:
    return {
        "ContainerSettings": {"Container": "RAW"},
        "VideoDescription": {
            **_picture(shape),
            "CodecSettings": {
                "Codec": "FRAME_CAPTURE",
                "FrameCaptureSettings": {
                    "FramerateNumerator": 1,
                    "FramerateDenominator": 2,
                    "MaxCaptures": CAPTURES,
                    "Quality": 85,
                },
            },
        },
    }


def _picture(shape: Shape) -> VideoDescriptionTypeDef:
    """The largest frame of the output, and its colours.

    The default scaling behaviour would enlarge and pad smaller ones.
    """
    width, height = (SHORT_SIDE, LONG_SIDE) if shape.portrait else (LONG_SIDE, SHORT_SIDE)
    picture: VideoDescriptionTypeDef = {"Width": width, "Height": height, "ScalingBehavior": "FIT_NO_UPSCALE"}
    if shape.hdr:
        picture["VideoPreprocessors"] = sdr_conversion(shape.hdr)
    return picture
