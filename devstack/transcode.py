"""What a MediaConvert job asks for, done by ffmpeg: `settings` are the request's, in the names of boto3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from devstack.ffmpeg import Clip, FfmpegError, ffmpeg, inspect
from devstack.tone_mapping import to_sdr

CANT_READ_INPUT, NO_SUCH_TRACK = 1076, 1020
"""Error codes about the input: https://docs.aws.amazon.com/mediaconvert/latest/ug/mediaconvert_error_codes.html"""
EXTENSIONS = {"MP4": "mp4"}
MOST_SAID = 200
"""Characters of ffmpeg's own words in an error message."""
JPEG_MATRIX = "scale=out_color_matrix=bt601"
"""A JPEG's Y'CbCr is that of Rec. 601 (JFIF), whichever the video's is."""
CONTENT_TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg"}


class TranscodeError(Exception):
    """The job fails, with MediaConvert's error code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Made:
    """One output: its files with the URLs they go to, and its picture's width and height."""

    files: tuple[tuple[Path, str], ...]
    seconds: float
    width: int
    height: int


def complaints(settings: Mapping[str, Any]) -> Iterator[str]:
    """What MediaConvert refuses although its model allows it."""
    outputs = [output for _, output in _outputs(settings)]
    if not any("AudioDescriptions" in output or _codec(output) != "FRAME_CAPTURE" for output in outputs):
        yield "a job can't consist of frame captures alone"
    selectors = {name for source in settings["Inputs"] for name in source.get("AudioSelectors", {})}
    for output in outputs:
        h264 = output["VideoDescription"]["CodecSettings"].get("H264Settings", {})
        if h264.get("RateControlMode") == "QVBR" and ("Bitrate" in h264 or "MaxBitrate" not in h264):
            yield "QVBR needs maxBitrate and excludes bitrate"
        for audio in output.get("AudioDescriptions", []):
            if audio.get("AudioSourceName") not in selectors:
                yield f"there is no audio selector {audio.get('AudioSourceName')!r}"


def source_of(settings: Mapping[str, Any]) -> str:
    """The input's URL."""
    url: str = settings["Inputs"][0]["FileInput"]
    return url


@dataclass(frozen=True, slots=True)
class _Task:
    """One output to make: what the job says of its input and of it, and where it goes, without extension."""

    asked: Mapping[str, Any]
    output: Mapping[str, Any]
    source: Path
    clip: Clip
    target: Path
    url: str

    @property
    def input(self) -> tuple[str | Path, ...]:
        turned = self.asked.get("VideoSelector", {}).get("Rotate") == "AUTO"
        return (*(() if turned else ("-noautorotate",)), "-i", self.source, "-map", "0:v:0")

    @property
    def filters(self) -> str:
        """ffmpeg's, for the picture: its colours first, its size second."""
        video = self.output["VideoDescription"]
        corrector = video.get("VideoPreprocessors", {}).get("ColorCorrector", {})
        return ",".join([*to_sdr(self.asked.get("VideoSelector", {}), corrector, self.clip), _scaled(video)])

    @property
    def codec(self) -> Mapping[str, Any]:
        settings: Mapping[str, Any] = self.output["VideoDescription"]["CodecSettings"]
        return settings


def transcode(settings: Mapping[str, Any], source: Path, folder: Path) -> Iterator[tuple[int, Made]]:
    """Make every output in the folder; each comes with the index of its group. Raises `TranscodeError`."""
    try:
        clip = inspect(source)
        for number, (index, output) in enumerate(_outputs(settings)):
            group = settings["OutputGroups"][index]["OutputGroupSettings"]["FileGroupSettings"]
            url = group["Destination"] + output.get("NameModifier", "")
            task = _Task(settings["Inputs"][0], output, source, clip, folder / f"output-{number}", url)
            yield index, (_captured(task) if _codec(output) == "FRAME_CAPTURE" else _encoded(task))
    except FfmpegError as error:
        why = " ".join(str(error).split())[:MOST_SAID]
        raise TranscodeError(CANT_READ_INPUT, f"Demuxer: [the input can't be read: {why}]") from error


def _outputs(settings: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, group in enumerate(settings["OutputGroups"]):
        for output in group["Outputs"]:
            yield index, output


def _codec(output: Mapping[str, Any]) -> str:
    codec: str = output["VideoDescription"]["CodecSettings"]["Codec"]
    return codec


def _encoded(task: _Task) -> Made:
    container = task.output["ContainerSettings"]
    extension = "." + EXTENSIONS[container["Container"]]
    file = task.target.with_suffix(extension)
    rate = task.codec["H264Settings"]["MaxBitrate"]
    placement = container.get("Mp4Settings", {}).get("MoovPlacement")
    ffmpeg(
        *task.input, *_sound(task), "-vf", task.filters,
        "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p",
        "-maxrate", str(rate), "-bufsize", str(2 * rate),
        *(["-movflags", "+faststart"] if placement == "PROGRESSIVE_DOWNLOAD" else []), file,
    )  # fmt: skip
    made = inspect(file)
    return Made(((file, task.url + extension),), made.seconds, made.width, made.height)


def _sound(task: _Task) -> list[str]:
    if not task.output.get("AudioDescriptions"):
        return ["-an"]
    description = task.output["AudioDescriptions"][0]
    selector = task.asked["AudioSelectors"][description["AudioSourceName"]]
    if "Tracks" in selector and task.clip.sound is None:
        raise TranscodeError(NO_SUCH_TRACK, f"the input has no audio track {selector['Tracks']}")
    aac = description["CodecSettings"]["AacSettings"]
    channels = {"CODING_MODE_1_0": "1", "CODING_MODE_2_0": "2"}[aac["CodingMode"]]
    rates = ["-b:a", str(aac["Bitrate"]), "-ar", str(aac["SampleRate"])]
    return ["-map", "0:a:0?", "-c:a", "aac", *rates, "-ac", channels]


def _captured(task: _Task) -> Made:
    capture = task.codec["FrameCaptureSettings"]
    apart = capture["FramerateDenominator"] / capture["FramerateNumerator"]
    chosen = f"select='isnan(prev_selected_t)+gte(t-prev_selected_t,{apart})'"
    ffmpeg(
        *task.input, "-vf", f"{chosen},{task.filters},{JPEG_MATRIX}", "-fps_mode", "vfr",
        "-frames:v", str(capture["MaxCaptures"]), "-q:v", str(_quantizer(capture["Quality"])),
        "-start_number", "0", f"{task.target}.%07d.jpg",
    )  # fmt: skip
    files = sorted(task.target.parent.glob(f"{task.target.name}.*.jpg"))
    urls = tuple((file, task.url + file.name.removeprefix(task.target.name)) for file in files)
    with Image.open(files[0]) as picture:
        return Made(urls, task.clip.seconds, *picture.size)


def _quantizer(quality: int) -> int:
    """MediaConvert's 1 to 100 (best) as ffmpeg's 31 to 2 (best)."""
    return round(31 - quality * 0.29)


def _scaled(video: Mapping[str, Any]) -> str:
    """FIT_NO_UPSCALE stays within the box; every other behaviour fills it, with black bars."""
    width, height = video["Width"], video["Height"]
    if video.get("ScalingBehavior") == "FIT_NO_UPSCALE":
        fit = f"w='min(iw,{width})':h='min(ih,{height})':force_original_aspect_ratio=decrease"
        return f"scale={fit}:force_divisible_by=2"
    return f"scale={width}:{height}:force_original_aspect_ratio=decrease,pad={width}:{height}:-1:-1"
