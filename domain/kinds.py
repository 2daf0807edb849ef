"""The kinds of media, and the rules for the uploads of each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType

from domain.errors import Code


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

    PHOTO = (Code.THUMBNAIL_PROCESSING_FAILED, tuple(WIDTHS), None, "photo-1")
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
    """The type of an asset, as the backend names it; the plain PHOTO and VIDEO are the older names."""

    PHOTO_VERTICAL = "PHOTO_VERTICAL"
    PHOTO_HORIZONTAL = "PHOTO_HORIZONTAL"
    VIDEO_VERTICAL = "VIDEO_VERTICAL"
    VIDEO_HORIZONTAL = "VIDEO_HORIZONTAL"
    PROJECT_DOC = "PROJECT_DOC"
    PROJECT_RENDER = "PROJECT_RENDER"
    PHOTO = "PHOTO"
    VIDEO = "VIDEO"

    @property
    def segments(self) -> str:
        """The path segments in a key: `PHOTO_VERTICAL` is `photo/vertical`."""
        return self.value.lower().replace("_", "/")

    @property
    def kind(self) -> Kind:
        if self is AssetType.PROJECT_DOC:
            return Kind.DOCUMENT
        return Kind.VIDEO if self.value.startswith("VIDEO") else Kind.PHOTO
