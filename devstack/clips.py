"""Sample videos, made by ffmpeg from drawn scenes: a slow ride through the picture, fading in from black."""

from __future__ import annotations

import tempfile
from pathlib import Path

from devstack.ffmpeg import ffmpeg
from devstack.samples import Sample
from devstack.scenes import house, room

FRAMES_PER_SECOND = 25
HOLD_UPRIGHT = 90
"""The rotation flag (degrees) of a phone held upright: its frames are stored lying."""


def clip_set() -> tuple[Sample, ...]:
    """One clip as a camera makes it, with sound, and one as a phone held upright does, without."""
    with tempfile.TemporaryDirectory(prefix="clips-") as folder:
        return _tour(Path(folder)), _walk(Path(folder))


def _tour(folder: Path) -> Sample:
    file = clip(folder / "tour.mp4", (1280, 720), seconds=5, sound=True)
    return Sample("tour.mp4", "video/horizontal", file.read_bytes(), "video/mp4", "MP4 with sound, 1280 × 720")


def _walk(folder: Path) -> Sample:
    stored = clip(folder / "stored.mp4", (1280, 720), seconds=4, sound=False, lying=True)
    file = rotated(stored, folder / "walk.mov")
    return Sample(
        "walk.mov",
        "video/vertical",
        file.read_bytes(),
        "video/quicktime",
        "QuickTime, upright by its rotation flag",
    )


def clip(
    target: Path,
    size: tuple[int, int],
    *,
    seconds: float,
    sound: bool,
    lying: bool = False,
    codec: str = "libx264",
) -> Path:
    """Make a clip whose frames have this width and height; `lying` ones show a scene turned by 90 degrees."""
    width, height = size
    still = target.with_suffix(".png")
    scene = (
        room(height, width, 4, "THIS WAY UP - walk") if lying else house(width, height, 1, "THIS WAY UP - tour")
    )
    (scene.rotate(-90, expand=True) if lying else scene).save(still, compress_level=1)
    closer = f"z='1+0.06*on/{seconds * FRAMES_PER_SECOND:g}':x='(iw-iw/zoom)/2':y='(ih-ih/zoom)/2'"
    zoom = f"zoompan={closer}:d=1:s={width}x{height}:fps={FRAMES_PER_SECOND}"
    tone = ["-f", "lavfi", "-i", f"sine=frequency=330:duration={seconds}:sample_rate=44100"] if sound else []
    encoder = [codec, "-preset", "veryfast"] if codec == "libx264" else [codec]
    ffmpeg(
        "-loop", "1", "-framerate", str(FRAMES_PER_SECOND), "-t", f"{seconds}", "-i", still, *tone,
        "-vf", f"{zoom},fade=t=in:d=1,format=yuv420p", "-c:v", *encoder, "-t", f"{seconds}",
        *(["-c:a", "aac", "-shortest"] if sound else []), target,
    )  # fmt: skip
    return target


def rotated(source: Path, target: Path, degrees: int = HOLD_UPRIGHT) -> Path:
    """The same frames, with a flag that tells players to turn them."""
    ffmpeg("-display_rotation", str(degrees), "-i", source, "-c", "copy", target)
    return target


def hdr_clip(target: Path, transfer: str, *, seconds: float) -> Path:
    """Make a still clip of 640 × 360 as an HDR camera does: HEVC, 10 bit, Rec. 2020, without metadata of its peak.

    `transfer` is in ffmpeg's words, `arib-std-b67` (HLG) or `smpte2084` (PQ). The scene's white has 400 cd/m².
    """
    still = target.with_suffix(".png")
    house(640, 360, 1, "HDR").save(still, compress_level=1)
    drawn = "format=gbrp,setparams=color_primaries=bt709:color_trc=iec61966-2-1:colorspace=gbr:range=pc"
    light = "zscale=transfer=linear:npl=400,format=gbrpf32le"
    coded = f"zscale=primaries=bt2020:transfer={transfer}:matrix=bt2020nc:range=tv:npl=400,format=yuv420p10le"
    ffmpeg(
        "-loop", "1", "-framerate", str(FRAMES_PER_SECOND), "-t", f"{seconds}", "-i", still,
        "-vf", f"{drawn},{light},{coded}", "-c:v", "libx265", "-preset", "ultrafast",
        "-x265-params", "log-level=error", "-tag:v", "hvc1", target,
    )  # fmt: skip
    return target
