"""MediaConvert's color corrector on one machine: HDR becomes SDR in Rec. 709, by ffmpeg's zscale and tonemap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from devstack.ffmpeg import Clip

WHITE = 203
"""The cd/m² of SDR's white in HDR (Rec. ITU-R BT.2408)."""
PEAKS = {"arib-std-b67": 1_000, "smpte2084": 10_000}
"""The most cd/m² of a video that doesn't say it, by its transfer characteristics (Rec. ITU-R BT.2100)."""
FORCED = {"HDR10": "smpte2084", "HLG_2020": "arib-std-b67"}
UNIT = 10_000
"""MediaConvert's units in a cd/m²."""


def to_sdr(selector: Mapping[str, Any], corrector: Mapping[str, Any], clip: Clip) -> Iterator[str]:
    """ffmpeg's filters for a conversion to Rec. 709, none where it isn't asked for or the clip isn't HDR.

    `selector` and `corrector` are the request's VideoSelector and ColorCorrector.
    """
    transfer = clip.transfer
    if selector.get("ColorSpaceUsage") == "FORCE" and selector.get("ColorSpace") in FORCED:
        transfer = FORCED[selector["ColorSpace"]]
        yield f"setparams=color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc"
    if corrector.get("ColorSpaceConversion") != "FORCE_709" or transfer not in PEAKS:
        return
    peak = selector["MaxLuminance"] / UNIT if "MaxLuminance" in selector else PEAKS[transfer]
    yield f"zscale=transfer=linear:npl={WHITE},format=gbrpf32le,zscale=primaries=bt709"
    yield f"tonemap=mobius:desat=0:peak={peak / WHITE}"
    yield "zscale=transfer=bt709:matrix=bt709:range=tv,format=yuv420p"
