"""What bytes really are, told by the first of them."""

from __future__ import annotations

from enum import Enum, StrEnum

from domain.errors import Code, Permanent

HEAD_BYTES = 1024
"""How many first bytes are enough: a PDF's signature may stand anywhere in its first 1,024."""


class Kind(StrEnum):
    PHOTO = "photo"
    VIDEO = "video"
    DOCUMENT = "document"


class Medium(Enum):
    """A file format: its kind, its usual extension and its media type."""

    JPEG = (Kind.PHOTO, ".jpg", "image/jpeg")
    PNG = (Kind.PHOTO, ".png", "image/png")
    WEBP = (Kind.PHOTO, ".webp", "image/webp")
    GIF = (Kind.PHOTO, ".gif", "image/gif")
    TIFF = (Kind.PHOTO, ".tif", "image/tiff")
    BMP = (Kind.PHOTO, ".bmp", "image/bmp")
    AVIF = (Kind.PHOTO, ".avif", "image/avif")
    HEIF = (Kind.PHOTO, ".heic", "image/heic")
    MP4 = (Kind.VIDEO, ".mp4", "video/mp4")
    MATROSKA = (Kind.VIDEO, ".mkv", "video/x-matroska")
    AVI = (Kind.VIDEO, ".avi", "video/x-msvideo")
    MPEG_TS = (Kind.VIDEO, ".ts", "video/mp2t")
    PDF = (Kind.DOCUMENT, ".pdf", "application/pdf")

    def __init__(self, kind: Kind, extension: str, content_type: str) -> None:
        self.kind = kind
        self.extension = extension
        self.content_type = content_type


_SIGNATURES = (
    (b"\xff\xd8\xff", Medium.JPEG),
    (b"\x89PNG\r\n\x1a\n", Medium.PNG),
    (b"GIF87a", Medium.GIF),
    (b"GIF89a", Medium.GIF),
    (b"II*\x00", Medium.TIFF),
    (b"MM\x00*", Medium.TIFF),
    (b"II+\x00", Medium.TIFF),
    (b"MM\x00+", Medium.TIFF),
    (b"BM", Medium.BMP),
    (b"\x1aE\xdf\xa3", Medium.MATROSKA),
)
_RIFF = {b"WEBP": Medium.WEBP, b"AVI ": Medium.AVI}
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_QUICKTIME_ATOMS = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_JPEG_NAMES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
_TS_PACKET = 188


def sniff(head: bytes) -> Medium | None:
    """The format of a file that begins with `head` (HEAD_BYTES of it, or all); None where it is none of ours."""
    for signature, medium in _SIGNATURES:
        if head.startswith(signature):
            return medium
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head[4:8] in _QUICKTIME_ATOMS:
        return Medium.MP4
    if b"%PDF-" in head[:HEAD_BYTES]:
        return Medium.PDF
    if head[:1] == b"G" and head[_TS_PACKET : _TS_PACKET + 1] == b"G":
        return Medium.MPEG_TS
    return None


def _iso_media(head: bytes) -> Medium:
    """ISO base media files name their brands: the major one first, then, after a version, the compatible ones."""
    length = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))]
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return Medium.AVIF
        if brand in _HEIF_BRANDS - {b"mif1", b"msf1"}:
            return Medium.HEIF
    return Medium.HEIF if brands[0] in _HEIF_BRANDS else Medium.MP4


def require(kind: Kind, head: bytes, name: str, content_type: str) -> Medium | None:
    """The format of an upload that claims to be of this kind.

    A photo or a video must be in a format that is served. A document may be anything, as long as one that
    calls itself a PDF, by its name or its content type, is one.

    Raises:
        Permanent: VALIDATION_ERROR, where the bytes say otherwise.
    """
    medium = sniff(head)
    if kind is Kind.DOCUMENT:
        claims_pdf = name.lower().endswith(".pdf") or content_type == Medium.PDF.content_type
        if claims_pdf and medium is not Medium.PDF:
            raise Permanent("the document says that it is a PDF but isn't one", Code.VALIDATION_ERROR)
    elif medium is None or medium.kind is not kind:
        what = medium.content_type if medium else "an unknown format"
        raise Permanent(f"a {kind} was announced, but the bytes are {what}", Code.VALIDATION_ERROR)
    return medium


def has_extension(name: str, medium: Medium) -> bool:
    """Whether the name already ends in an extension of the format."""
    _, dot, extension = name.rpartition(".")
    usual = dot + extension.lower()
    return usual in _JPEG_NAMES if medium is Medium.JPEG else usual == medium.extension
