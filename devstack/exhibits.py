"""What the demo has to show: each asset, its source, what was made of it or why nothing was."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import Image, ImageOps

from devstack.ffmpeg import FfmpegError, inspect
from devstack.thumbhash import data_url

SIZES = ("thumbnail", "small", "medium", "large")
# What browsers show, and the file extensions by which they know it.
EXTENSIONS = {
    "JPEG": (".jpg", ".jpeg"), "PNG": (".png",), "WEBP": (".webp",), "GIF": (".gif",), "AVIF": (".avif",)
}  # fmt: skip
VIDEO_NAMES = {".mp4", ".mov", ".webm", ".mkv", ".avi", ".ts"}
PREVIEW_WIDTH = 1200


@dataclass(frozen=True, slots=True)
class Picture:
    """An image or a video. `shown` is what a browser can show of it, relative to the output folder, if anything.

    `is_preview`: that is not the file's own content. `width` and `height` in pixels as shown, 0 if unknown.
    """

    path: str
    bytes: int
    width: int = 0
    height: int = 0
    format: str = ""
    shown: str = ""
    is_preview: bool = False
    is_video: bool = False


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One asset; `renditions` by size, smallest first, `original` last: a video, or a copied document.

    `dominant_color` is the callback's, `placeholder` the URL of its ThumbHash's picture; empty where it has none.
    """

    name: str
    media_type: str
    source: Picture
    renditions: Mapping[str, Picture]
    error_code: str
    error_message: str
    dominant_color: str = ""
    placeholder: str = ""


def exhibits(payload: Mapping[str, Any], output: Path) -> list[Exhibit]:
    """The callback's assets, with their files as they lie under `output / "bucket"`."""
    pillow_heif.register_heif_opener()
    return [_exhibit(entry, output) for entry in payload["outputs"]]


def _exhibit(entry: Mapping[str, Any], output: Path) -> Exhibit:
    _, _, *media_type, name = entry["rawKey"].split("/")
    made = {key.partition("_")[0]: value for key, value in entry.get("outputs", {}).items()}
    return Exhibit(
        name=name,
        media_type="/".join(media_type),
        source=look(output, f"bucket/{entry['rawKey']}"),
        renditions={size: look(output, f"bucket/{made[size]}") for size in (*SIZES, "original") if size in made},
        error_code=entry["errorCode"],
        error_message=entry["errorMessage"],
        dominant_color=entry.get("dominantColor", ""),
        placeholder=data_url(entry["thumbhash"]) if "thumbhash" in entry else "",
    )


def look(output: Path, path: str) -> Picture:
    """See what a file is. A file that browsers wouldn't show by its name gets a stand-in under `previews/`."""
    file = output / path
    size = file.stat().st_size
    try:
        with Image.open(file) as image:
            image.load()
            upright = ImageOps.exif_transpose(image)
            kind = str(image.format)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return _video(path, file, size)
    shown, is_preview = _shown(output, path, kind, upright)
    return Picture(path, size, upright.width, upright.height, kind, shown, is_preview)


def _video(path: str, file: Path, size: int) -> Picture:
    """A video is played as it is; of a file that is none either, nothing is known."""
    if file.suffix.lower() not in VIDEO_NAMES:
        return Picture(path, size)
    try:
        clip = inspect(file)
    except FfmpegError:
        return Picture(path, size)
    sound = f"with {clip.sound.codec}" if clip.sound else "silent"
    return Picture(path, size, *clip.shown, f"{clip.codec} {sound}, {clip.seconds:.1f} s", path, is_video=True)


def _shown(output: Path, path: str, kind: str, upright: Image.Image) -> tuple[str, bool]:
    if kind in EXTENSIONS and path.lower().endswith(EXTENSIONS[kind]):
        return path, False
    extension = EXTENSIONS.get(kind, (".jpg",))[0]
    shown = f"previews/{path.removeprefix('bucket/')}{extension}"
    target = output / shown
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind in EXTENSIONS:
        shutil.copyfile(output / path, target)
        return shown, False
    # A CMYK profile says nothing about the RGB that is written.
    profile = upright.info.get("icc_profile") if upright.mode == "RGB" else None
    preview = upright.convert("RGB")
    preview.thumbnail((PREVIEW_WIDTH, PREVIEW_WIDTH * 4))
    preview.save(target, "JPEG", quality=85, icc_profile=profile)
    return shown, True


def human(size: int) -> str:
    """A number of bytes as people read it, decimal: 1500 is `1.5 kB`."""
    for unit, one in (("MB", 1_000_000), ("kB", 1_000)):
        if size >= one:
            return f"{size / one:.1f} {unit}" if size < 100 * one else f"{size / one:.0f} {unit}"
    return f"{size} B"
