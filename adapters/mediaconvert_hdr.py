"""HDR videos at MediaConvert: how they are told, and what is asked for so that they become SDR."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_mediaconvert.type_defs import (
        VideoPreprocessorTypeDef,
        VideoPropertiesTypeDef,
        VideoSelectorTypeDef,
    )

ASSUMED_PEAK = 1000 * 10_000
"""How bright PQ gets that doesn't say it: 1,000 cd/m², in units of 0.0001. VIBRANT tone mapping is best there."""


class Hdr(Enum):
    """How an HDR video is coded: in HLG, in PQ, or in PQ of Rec. 2020 that doesn't say how bright it gets."""

    HLG = auto()
    PQ = auto()
    PQ_WITHOUT_PEAK = auto()


def hdr_of(video: VideoPropertiesTypeDef) -> Hdr | None:
    """How a video is coded by what Probe says of its container or else of its stream; None: SDR, or unknown."""
    stream = video.get("CodecMetadata", {})
    transfer = _first_told(video.get("TransferCharacteristics"), stream.get("TransferCharacteristics"))
    if transfer == "ARIB_B67":
        return Hdr.HLG
    if transfer != "SMPTE_2084":
        return None
    primaries = _first_told(video.get("ColorPrimaries"), stream.get("ColorPrimaries"))
    tells_its_peak = "HdrMetadata" in video or "ContentLightLevel" in stream or "Hdr10PlusPresence" in stream
    return Hdr.PQ if tells_its_peak or primaries not in (None, "ITU_2020") else Hdr.PQ_WITHOUT_PEAK


def _first_told(*values: str | None) -> str | None:
    return next((value for value in values if value not in (None, "UNSPECIFIED")), None)


def hdr_selector(hdr: Hdr | None) -> VideoSelectorTypeDef:
    """What the input's selector adds to a video's own metadata: a peak, where it has none.

    That goes with a color space: https://docs.aws.amazon.com/mediaconvert/latest/ug/replacing-inaccurate-or-missing-hdr-metadata.html
    The sample range is left to the file: Probe doesn't name it, and a value here would overrule it.
    """
    if hdr is not Hdr.PQ_WITHOUT_PEAK:
        return {}
    return {"ColorSpace": "HDR10", "ColorSpaceUsage": "FORCE", "MaxLuminance": ASSUMED_PEAK}


def sdr_conversion(hdr: Hdr) -> VideoPreprocessorTypeDef:
    """An output's conversion to SDR in Rec. 709.

    VIBRANT is what MediaConvert recommends for HDR10; for HLG it has one way only:
    https://docs.aws.amazon.com/mediaconvert/latest/apireference/jobs.html
    """
    return {
        "ColorCorrector": {
            "ColorSpaceConversion": "FORCE_709",
            "HdrToSdrToneMapper": "PRESERVE_DETAILS" if hdr is Hdr.HLG else "VIBRANT",
        }
    }
