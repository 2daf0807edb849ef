from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.validate import ParamValidator

from adapters.mediaconvert import Shape, job_request, shape_of
from adapters.mediaconvert_hdr import Hdr
from adapters.mediaconvert_keys import frame_keys
from devstack.service_model import request_shape, violations
from domain import keys
from domain.kinds import AssetType, Kind, Size
from domain.model import Source

BUCKET = "media-bucket"
ROLE = "arn:aws:iam::000000000000:role/media-convert"
LANDSCAPE = Shape(3840, 2160, portrait=False, sound=True)
SILENT_PORTRAIT = Shape(1080, 1920, portrait=True, sound=False)
CREATE_JOB = request_shape("mediaconvert", "CreateJob")


def source(
    key: str = "28/raw/video/horizontal/2026-01-05/tour.1.mov", kind: AssetType = AssetType.VIDEO
) -> Source:
    return Source(keys.parse_raw(key, 28), kind, "e1", 1)


def request(shape: Shape = LANDSCAPE, generation: int = 1) -> dict[str, Any]:
    return dict(job_request(source(), shape, BUCKET, ROLE, generation))


def parts(shape: Shape = LANDSCAPE) -> tuple[Any, Any, Any]:
    """The input, and the MP4's and the frames' output group."""
    settings = request(shape)["Settings"]
    (only,) = settings["Inputs"]
    mp4, frames = settings["OutputGroups"]
    return only, mp4, frames


@pytest.mark.parametrize("shape", [LANDSCAPE, SILENT_PORTRAIT])
@pytest.mark.parametrize("generation", [1, 2])
def test_the_request_is_what_the_service_allows(shape: Shape, generation: int) -> None:
    assert list(violations(CREATE_JOB, request(shape, generation))) == []


def test_that_check_sees_what_botocores_own_does_not() -> None:
    wrong = request()
    wrong["Settings"]["Inputs"][0]["VideoSelector"]["Rotate"] = "AUTOMATIC"
    h264 = wrong["Settings"]["OutputGroups"][0]["Outputs"][0]["VideoDescription"]["CodecSettings"]["H264Settings"]
    h264["MaxBitrate"] = 2_000_000_000
    wrong["Settings"]["OutputGroups"][1]["OutputGroupSettings"]["FileGroupSettings"]["Destination"] = "https://x/"
    assert not ParamValidator().validate(wrong, CREATE_JOB).has_errors()
    found = "\n".join(violations(CREATE_JOB, wrong))
    assert "'AUTOMATIC' is none of" in found
    assert "the most is 1152000000" in found
    assert "doesn't match ^s3" in found


def test_the_input_is_turned_upright_and_its_sound_is_the_default_track() -> None:
    only, _, _ = parts()
    assert only["FileInput"] == f"s3://{BUCKET}/28/raw/video/horizontal/2026-01-05/tour.1.mov"
    assert only["VideoSelector"] == {"Rotate": "AUTO"}
    assert only["AudioSelectors"] == {"Audio Selector 1": {"DefaultSelection": "DEFAULT"}}


@pytest.mark.parametrize(("shape", "box"), [(LANDSCAPE, (1920, 1080)), (SILENT_PORTRAIT, (1080, 1920))])
def test_both_outputs_fit_a_box_and_are_never_enlarged_or_padded(shape: Shape, box: tuple[int, int]) -> None:
    for group in parts(shape)[1:]:
        (output,) = group["Outputs"]
        video = output["VideoDescription"]
        assert (video["Width"], video["Height"]) == box
        assert video["ScalingBehavior"] == "FIT_NO_UPSCALE"


def test_the_video_is_h264_of_good_quality_that_plays_while_it_loads() -> None:
    _, mp4, _ = parts()
    (output,) = mp4["Outputs"]
    assert output["ContainerSettings"] == {
        "Container": "MP4", "Mp4Settings": {"MoovPlacement": "PROGRESSIVE_DOWNLOAD"},
    }  # fmt: skip
    assert output["VideoDescription"]["CodecSettings"] == {
        "Codec": "H_264",
        "H264Settings": {
            "RateControlMode": "QVBR", "QvbrSettings": {"QvbrQualityLevel": 8}, "MaxBitrate": 5_000_000,
            "QualityTuningLevel": "SINGLE_PASS_HQ", "SceneChangeDetect": "TRANSITION_DETECTION",
            "FramerateControl": "INITIALIZE_FROM_SOURCE",
        },
    }  # fmt: skip


def test_there_is_sound_where_the_source_has_some_and_nowhere_else() -> None:
    only, mp4, frames = parts()
    (audio,) = mp4["Outputs"][0]["AudioDescriptions"]
    assert audio["AudioSourceName"] in only["AudioSelectors"]
    assert audio["CodecSettings"] == {
        "Codec": "AAC",
        "AacSettings": {"Bitrate": 128_000, "CodingMode": "CODING_MODE_2_0", "SampleRate": 48_000},
    }
    assert "AudioDescriptions" not in frames["Outputs"][0]
    only, mp4, _ = parts(SILENT_PORTRAIT)
    assert "AudioSelectors" not in only
    assert "AudioDescriptions" not in mp4["Outputs"][0]


def test_two_frames_are_captured_two_seconds_apart() -> None:
    _, _, frames = parts()
    (output,) = frames["Outputs"]
    assert output["ContainerSettings"] == {"Container": "RAW"}
    assert output["VideoDescription"]["CodecSettings"] == {
        "Codec": "FRAME_CAPTURE",
        "FrameCaptureSettings": {
            "FramerateNumerator": 1, "FramerateDenominator": 2, "MaxCaptures": 2, "Quality": 85,
        },
    }  # fmt: skip


def color_correctors(shape: Shape) -> list[Any]:
    """What is done to the colours of the MP4 and of the frames."""
    videos = [group["Outputs"][0]["VideoDescription"] for group in parts(shape)[1:]]
    return [video.get("VideoPreprocessors", {}).get("ColorCorrector") for video in videos]


@pytest.mark.parametrize(
    ("hdr", "mapper"), [(Hdr.HLG, "PRESERVE_DETAILS"), (Hdr.PQ, "VIBRANT"), (Hdr.PQ_WITHOUT_PEAK, "VIBRANT")]
)
def test_both_outputs_of_an_hdr_video_are_converted_under_a_token_of_their_own_and_nothing_else_changes(
    hdr: Hdr, mapper: str
) -> None:
    shape = replace(LANDSCAPE, hdr=hdr)
    asked = {"ColorSpaceConversion": "FORCE_709", "HdrToSdrToneMapper": mapper}
    assert color_correctors(shape) == [asked, asked]
    assert list(violations(CREATE_JOB, request(shape))) == []
    converted = request(shape)
    for group in converted["Settings"]["OutputGroups"]:
        del group["Outputs"][0]["VideoDescription"]["VideoPreprocessors"]
    converted["Settings"]["Inputs"][0]["VideoSelector"] = {"Rotate": "AUTO"}
    token = request(LANDSCAPE)["ClientRequestToken"]
    assert converted == {**request(LANDSCAPE), "ClientRequestToken": f"{token}-sdr"}


def test_an_sdr_video_is_not_converted() -> None:
    assert color_correctors(LANDSCAPE) == [None, None]


def test_only_a_video_that_lacks_a_peak_is_given_one() -> None:
    selectors = {hdr: parts(replace(LANDSCAPE, hdr=hdr))[0]["VideoSelector"] for hdr in Hdr}
    assert selectors[Hdr.HLG] == selectors[Hdr.PQ] == {"Rotate": "AUTO"}
    assert selectors[Hdr.PQ_WITHOUT_PEAK] == {
        "Rotate": "AUTO", "ColorSpace": "HDR10", "ColorSpaceUsage": "FORCE", "MaxLuminance": 10_000_000,
    }  # fmt: skip


def test_what_is_made_lands_where_the_worker_looks_for_it() -> None:
    _, mp4, frames = parts()
    video = mp4["OutputGroupSettings"]["FileGroupSettings"]["Destination"]
    assert f"{video}.mp4" == f"s3://{BUCKET}/{source().derived(Size.ORIGINAL)}"
    assert video.endswith("/processed/video/horizontal/original/tour.1")
    captured = frames["OutputGroupSettings"]["FileGroupSettings"]["Destination"]
    first, second = frame_keys(source())
    assert f"{captured}.0000000.jpg" == f"s3://{BUCKET}/{first}"
    assert f"{captured}.0000001.jpg" == f"s3://{BUCKET}/{second}"
    for group in (mp4, frames):
        assert "NameModifier" not in group["Outputs"][0]


def test_the_token_stands_for_listing_key_and_etag() -> None:
    token = request()["ClientRequestToken"]
    assert token == request(SILENT_PORTRAIT)["ClientRequestToken"]
    assert request(generation=2)["ClientRequestToken"] != token
    assert Kind.VIDEO.recipe in token, "a new recipe is another submission, within a minute, too"
    other = Source(source().raw, AssetType.VIDEO, "e2", 1)
    assert job_request(other, LANDSCAPE, BUCKET, ROLE, 1)["ClientRequestToken"] != token


def probed(video: Mapping[str, Any] | None, *tracks: str) -> Any:
    all_tracks: list[Any] = [{"TrackType": kind} for kind in tracks]
    if video is not None:
        all_tracks.append({"TrackType": "video", "VideoProperties": video})
    return {"ProbeResults": [{"Container": {"Tracks": all_tracks}}]}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (probed({"Width": 1920, "Height": 1080}, "audio"), Shape(1920, 1080, False, True)),
        (probed({"Width": 1920, "Height": 1080}, "data"), Shape(1920, 1080, False, False)),
        (probed({"Width": 1920, "Height": 1080, "Rotation": 90}), Shape(1080, 1920, True, False)),
        (probed({"Width": 1920, "Height": 1080, "Rotation": -90}), Shape(1080, 1920, True, False)),
        (probed({"Width": 1920, "Height": 1080, "Rotation": 270}), Shape(1080, 1920, True, False)),
        (probed({"Width": 1920, "Height": 1080, "Rotation": 180}), Shape(1920, 1080, False, False)),
        (probed({"Width": 720, "Height": 720}), Shape(720, 720, False, False)),
        (probed({"Codec": "AVC"}), Shape(None, None, True, True)),
        (probed(None, "audio"), Shape(None, None, True, True)),
        ({"ProbeResults": []}, Shape(None, None, True, True)),
        ({"ProbeResults": [{}]}, Shape(None, None, True, True)),
    ],
)
def test_what_probe_says_of_a_vertical_video(answer: Any, expected: Shape) -> None:
    assert shape_of(answer, source(kind=AssetType.VIDEO_VERTICAL)) == expected


def test_what_is_assumed_of_any_other_video_is_landscape() -> None:
    for kind in (AssetType.VIDEO, AssetType.VIDEO_HORIZONTAL):
        assert shape_of({"ProbeResults": []}, source(kind=kind)) == Shape(None, None, False, True)  # type: ignore[typeddict-item]


HLG, PQ = {"TransferCharacteristics": "ARIB_B67"}, {"TransferCharacteristics": "SMPTE_2084"}
MASTERED = {"HdrMetadata": {"MasteringDisplayColorVolume": {"MaxLuminance": 40_000_000}}}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, None),
        ({"TransferCharacteristics": "UNSPECIFIED"}, None),
        ({"TransferCharacteristics": "ITU_709"}, None),
        ({"TransferCharacteristics": "ITU_2020_10bit", "ColorPrimaries": "ITU_2020"}, None),
        ({"TransferCharacteristics": "OF_TOMORROW"}, None),
        (HLG, Hdr.HLG),
        ({"CodecMetadata": HLG}, Hdr.HLG),
        ({"TransferCharacteristics": "UNSPECIFIED", "CodecMetadata": HLG}, Hdr.HLG),
        ({"TransferCharacteristics": "ITU_709", "CodecMetadata": HLG}, None),
        (PQ, Hdr.PQ_WITHOUT_PEAK),
        ({**PQ, "ColorPrimaries": "ITU_2020"}, Hdr.PQ_WITHOUT_PEAK),
        ({**PQ, "ColorPrimaries": "UNSPECIFIED"}, Hdr.PQ_WITHOUT_PEAK),
        ({**PQ, "ColorPrimaries": "SMPTE_EG_432_1"}, Hdr.PQ),
        ({"CodecMetadata": {**PQ, "ColorPrimaries": "SMPTE_EG_432_1"}}, Hdr.PQ),
        ({**PQ, **MASTERED}, Hdr.PQ),
        ({**PQ, "CodecMetadata": {"ContentLightLevel": {"MaxContentLightLevel": 600}}}, Hdr.PQ),
        ({**PQ, "CodecMetadata": {"Hdr10PlusPresence": "PRESENT"}}, Hdr.PQ),
    ],
)
def test_hdr_is_told_by_the_transfer_characteristics(told: Mapping[str, Any], expected: Hdr | None) -> None:
    answer = probed({"Width": 1920, "Height": 1080, **told})
    assert shape_of(answer, source()) == Shape(1920, 1080, False, False, expected)


def test_an_hdr_video_that_is_turned_or_of_unknown_size_is_still_one_or_as_before() -> None:
    turned = probed({"Width": 1920, "Height": 1080, "Rotation": 90, **HLG}, "audio")
    assert shape_of(turned, source()) == Shape(1080, 1920, True, True, Hdr.HLG)
    assert shape_of(probed(HLG), source()) == Shape(None, None, False, True)
