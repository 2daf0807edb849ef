"""The kinds of media, and the rules for the uploads of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType

from domain.errors import Code

_TYPE_NAME = re.compile("(?!zip$)[a-z0-9_]{1,64}", re.ASCII | re.IGNORECASE)


class Size(StrEnum):
    """A derivative's size segment, best first; all but ORIGINAL have a width in WIDTHS."""

    ORIGINAL = "original"
    LARGE = "large"
    MEDIUM = "medium"
    SMALL = "small"
    THUMBNAIL = "thumbnail"


WIDTHS: Mapping[Size, int] = MappingProxyType(
    {Size.LARGE: 1200, Size.MEDIUM: 800, Size.SMALL: 400, Size.THUMBNAIL: 200}
)
"""The most pixels that a derivative is wide, from large to small."""


class Kind(Enum):
    """A kind of media. The largest upload of a kind is a setting.

    `code` is the error code of an upload that can't be processed. `sizes` are the sizes of its derivatives, best
    first. `extension` is the derivatives' extension, None where they keep the upload's. `recipe` is the version of
    what is made of an upload (sizes, formats, quality): with a new one, it is made anew, and a video paid again.
    """

    PHOTO = (Code.THUMBNAIL_PROCESSING_FAILED, tuple(WIDTHS), None, "photo-2")
    VIDEO = (Code.VIDEO_PROCESSING_FAILED, tuple(Size), ".mp4", "video-1")
    DOCUMENT = (Code.DOCUMENT_PROCESSING_FAILED, (Size.ORIGINAL,), None, "document-1")

    def __init__(self, code: Code, sizes: tuple[Size, ...], extension: str | None, recipe: str) -> None:
        self.code = code
        self.sizes = sizes
        self.extension = extension
        self.recipe = recipe

    def __str__(self) -> str:
        return self.name.lower()


class AssetType(StrEnum):
    """The type of an asset, as the backend names it; the plain PHOTO and VIDEO are the older names.

    These are the known ones. Any other name of letters, digits and underscores (64 at most) but ZIP is the type of
    a photo. Names are compared without case; `AssetType(name)` raises ValueError where there is no such type.
    """

    PHOTO_VERTICAL = "PHOTO_VERTICAL"
    PHOTO_HORIZONTAL = "PHOTO_HORIZONTAL"
    VIDEO_VERTICAL = "VIDEO_VERTICAL"
    VIDEO_HORIZONTAL = "VIDEO_HORIZONTAL"
    PROJECT_DOC = "PROJECT_DOC"
    PROJECT_RENDER = "PROJECT_RENDER"
    PHOTO = "PHOTO"
    VIDEO = "VIDEO"

    @classmethod
    def _missing_(cls, value: object) -> AssetType | None:
        if not isinstance(value, str) or not _TYPE_NAME.fullmatch(value):
            return None
        name = value.upper()
        if name in cls.__members__:
            return cls[name]
        unknown = str.__new__(cls, name)
        unknown._name_ = unknown._value_ = name
        return unknown

    @property
    def kind(self) -> Kind:
        if self is AssetType.PROJECT_DOC:
            return Kind.DOCUMENT
        videos = (AssetType.VIDEO_VERTICAL, AssetType.VIDEO_HORIZONTAL, AssetType.VIDEO)
        return Kind.VIDEO if self in videos else Kind.PHOTO
