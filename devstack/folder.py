"""One's own media, as uploads: images and videos by their shape, everything else as documents."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from pathlib import Path

import pillow_heif
from PIL import ExifTags, Image

from devstack.ffmpeg import FfmpegError, inspect
from devstack.samples import Sample

MOST_ASSETS = 1000
"""More than this a message can't hold."""
# Not known to the standard library everywhere.
IMAGE_TYPES = {".heic": "image/heic", ".heif": "image/heif", ".avif": "image/avif", ".webp": "image/webp"}
LYING = range(5, 9)
"""The EXIF orientations that swap width and height."""


class FolderError(Exception):
    """The folder can't be uploaded as one job."""


def media_files(folder: Path) -> list[Path]:
    """The folder's own files by name, hidden ones left out.

    Raises:
        FolderError: there is no such folder, it can't be read, or it holds none or too many.
    """
    if not folder.is_dir():
        raise FolderError(f"{folder} is no folder")
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:  # macOS asks before a terminal may look into Pictures or Documents
        raise FolderError(f"{folder} can't be read: {error.strerror}") from error
    if not 1 <= len(files) <= MOST_ASSETS:
        raise FolderError(f"{folder} holds {len(files)} files; a job takes 1 to {MOST_ASSETS}")
    return files


def uploads(files: list[Path]) -> Iterator[Sample]:
    """One upload for each file, read when it is asked for."""
    for path in files:
        content_type = IMAGE_TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0]
        content_type = content_type or "application/octet-stream"
        yield Sample(path.name, _media_type(path, content_type), path.read_bytes(), content_type, str(path))


def _media_type(path: Path, content_type: str) -> str:
    if content_type.startswith("image/"):
        return f"photo/{_shape(path)}"
    if content_type.startswith("video/"):
        return f"video/{_video_shape(path)}"
    return "project/doc"


def _video_shape(path: Path) -> str:
    """A video's shape as it is shown; one that can't be read counts as horizontal."""
    try:
        width, height = inspect(path).shown
    except FfmpegError:
        return "horizontal"
    return "vertical" if height > width else "horizontal"


def _shape(path: Path) -> str:
    """An image's shape as it is shown; one that can't be opened counts as horizontal."""
    pillow_heif.register_heif_opener()
    try:
        with Image.open(path) as image:
            width, height = image.size
            if image.getexif().get(ExifTags.Base.Orientation) in LYING:
                width, height = height, width
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return "horizontal"
    return "vertical" if height > width else "horizontal"
