"""ffmpeg, and what it says of a file."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_DURATION = re.compile(r"Duration: (\d+):(\d+):(\d+\.\d+)")
_VIDEO = re.compile(r"Stream #\S+ Video: (\w+).*?, (\d{2,5})x(\d{2,5})")
_COLOURS = re.compile(r"Stream #\S+ Video: .*?\((?:(?:tv|pc), )?(?:[\w-]+/([\w-]+)/([\w-]+)|(bt709))\W")
_AUDIO = re.compile(r"Stream #\S+ Audio: (\w+).*?(\d+) Hz, ([^,]+)")
_ROTATION = re.compile(r"rotation of (-?\d+(?:\.\d+)?) degrees")


class FfmpegError(RuntimeError):
    """ffmpeg failed; the message is the end of what it said."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound track: codec, samples a second, and channels as ffmpeg names them (`mono`, `stereo`)."""

    codec: str
    sample_rate: int
    channels: str


@dataclass(frozen=True, slots=True)
class Clip:
    """A video file: its frames' width and height as stored, and the rotation (degrees) to be shown with.

    `primaries` and `transfer` (characteristics) are in ffmpeg's words, such as `bt2020` and `arib-std-b67`, and
    `unknown` where the file has none.
    """

    codec: str
    width: int
    height: int
    rotation: int
    seconds: float
    sound: Sound | None
    primaries: str
    transfer: str

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height as a player shows it."""
        return (self.height, self.width) if self.rotation % 180 else (self.width, self.height)


@cache
def executable() -> str:
    """The ffmpeg that comes with the development packages, or else, as in the image, the system's."""
    try:
        import imageio_ffmpeg
    except ImportError:
        if system := shutil.which("ffmpeg"):
            return system
        raise FfmpegError("there is no ffmpeg: install it, or the development packages (make setup)") from None
    bundled: str = imageio_ffmpeg.get_ffmpeg_exe()
    return bundled


def ffmpeg(*arguments: str | Path) -> None:
    """Run it, overwriting what there is. Raises `FfmpegError`."""
    done = _run("-y", "-loglevel", "error", *arguments)
    if done.returncode:
        raise FfmpegError(done.stderr[-1000:] or f"ffmpeg ended with status {done.returncode}")


def inspect(path: Path) -> Clip:
    """Look at a file's first video and sound track. Raises `FfmpegError` where there is no video."""
    said = _run("-hide_banner", "-i", path).stderr
    video, duration, sound = _VIDEO.search(said), _DURATION.search(said), _AUDIO.search(said)
    if not video or not duration:
        raise FfmpegError(said[-1000:])
    rotation, colours = _ROTATION.search(said), _COLOURS.search(said)
    primaries, transfer = (colours[1] or colours[3], colours[2] or colours[3]) if colours else ("unknown",) * 2
    hours, minutes, seconds = duration.groups()
    return Clip(
        codec=video[1],
        width=int(video[2]),
        height=int(video[3]),
        rotation=round(float(rotation[1])) if rotation else 0,
        seconds=int(hours) * 3600 + int(minutes) * 60 + float(seconds),
        sound=Sound(sound[1], int(sound[2]), sound[3]) if sound else None,
        primaries=primaries,
        transfer=transfer,
    )


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [executable(), "-nostdin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
