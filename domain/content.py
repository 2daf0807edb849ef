"""File formats, recognised by a file's first bytes."""

from __future__ import annotations

from enum import Enum

from domain.errors import Code, Permanent
from domain.kinds import Kind

HEAD_BYTES = 1024
"""How many first bytes are enough: a PDF's signature may stand anywhere in its first 1,024."""


class FileFormat(Enum):
    """A file format: the kind of media it belongs to, its usual extension and its content type."""

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

    @property
    def becomes(self) -> FileFormat:
        """The format of its renditions, one that every browser shows; PNG stands for PNG or, of photos, JPEG."""
        return _BECOMES.get(self, FileFormat.JPEG)


_BECOMES = {FileFormat.PNG: FileFormat.PNG, FileFormat.GIF: FileFormat.PNG, FileFormat.WEBP: FileFormat.WEBP}
_SIGNATURES = (
    (b"\xff\xd8\xff", FileFormat.JPEG),
    (b"\x89PNG\r\n\x1a\n", FileFormat.PNG),
    (b"GIF87a", FileFormat.GIF),
    (b"GIF89a", FileFormat.GIF),
    (b"II*\x00", FileFormat.TIFF),
    (b"MM\x00*", FileFormat.TIFF),
    (b"II+\x00", FileFormat.TIFF),
    (b"MM\x00+", FileFormat.TIFF),
    (b"BM", FileFormat.BMP),
    (b"\x1aE\xdf\xa3", FileFormat.MATROSKA),
)
_RIFF = {b"WEBP": FileFormat.WEBP, b"AVI ": FileFormat.AVI}
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_QUICKTIME_ATOMS = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_JPEG_NAMES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
_TS_PACKET = 188


def sniff(head: bytes) -> FileFormat | None:
    """The format of a file that begins with `head` (HEAD_BYTES of it, or all); None where it is none of ours."""
    for signature, file_format in _SIGNATURES:
        if head.startswith(signature):
            return file_format
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head[4:8] in _QUICKTIME_ATOMS:
        return FileFormat.MP4
    if b"%PDF-" in head[:HEAD_BYTES]:
        return FileFormat.PDF
    if head[:1] == b"G" and head[_TS_PACKET : _TS_PACKET + 1] == b"G":
        return FileFormat.MPEG_TS
    return None


def _iso_media(head: bytes) -> FileFormat:
    """The format of an ISO base media file by its brands: the major one, a version, the compatible ones."""
    length = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))]
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return FileFormat.AVIF
        if brand in _HEIF_BRANDS - {b"mif1", b"msf1"}:
            return FileFormat.HEIF
    return FileFormat.HEIF if brands[0] in _HEIF_BRANDS else FileFormat.MP4


def require(kind: Kind, head: bytes, name: str, content_type: str) -> FileFormat | None:
    """The format of an upload that claims to be of this kind.

    A photo or a video must be in a format that is served. A document may be anything, as long as one that
    calls itself a PDF, by its name or its content type, is one.

    Raises:
        Permanent: VALIDATION_ERROR, where the bytes say otherwise.
    """
    file_format = sniff(head)
    if kind is Kind.DOCUMENT:
        claims_pdf = name.lower().endswith(".pdf") or content_type == FileFormat.PDF.content_type
        if claims_pdf and file_format is not FileFormat.PDF:
            raise Permanent("the document says that it is a PDF but isn't one", Code.VALIDATION_ERROR)
    elif file_format is None or file_format.kind is not kind:
        what = file_format.content_type if file_format else "an unknown format"
        raise Permanent(f"a {kind} was announced, but the bytes are {what}", Code.VALIDATION_ERROR)
    return file_format


def has_extension(name: str, file_format: FileFormat) -> bool:
    """Whether the name already ends in an extension of the format."""
    _, dot, extension = name.rpartition(".")
    usual = dot + extension.lower()
    return usual in _JPEG_NAMES if file_format is FileFormat.JPEG else usual == file_format.extension
