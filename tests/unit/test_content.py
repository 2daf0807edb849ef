from __future__ import annotations

import pytest

from domain.content import HEAD_BYTES, Kind, Medium, has_extension, require, sniff
from domain.errors import Code, Permanent

TS = b"G" + b"\0" * 187


@pytest.mark.parametrize(
    ("head", "medium"),
    [
        (b"\xff\xd8\xff\xe0", Medium.JPEG),
        (b"\x89PNG\r\n\x1a\n", Medium.PNG),
        (b"GIF87a", Medium.GIF),
        (b"GIF89a", Medium.GIF),
        (b"RIFF\0\0\0\0WEBPVP8 ", Medium.WEBP),
        (b"II*\0", Medium.TIFF),
        (b"MM\0*", Medium.TIFF),
        (b"MM\0+", Medium.TIFF),
        (b"BM\0\0", Medium.BMP),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1miaf", Medium.AVIF),
        (b"\0\0\0\x1cftypmif1\0\0\0\0avifmif1miaf", Medium.AVIF),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Medium.HEIF),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Medium.HEIF),
        (b"\0\0\0\x14ftypmif1\0\0\0\0mif1", Medium.HEIF),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", Medium.MP4),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", Medium.MP4),
        (b"\0\0\x10\0moov", Medium.MP4),
        (b"\0\0\0\x08wide", Medium.MP4),
        (b"\x1aE\xdf\xa3", Medium.MATROSKA),
        (b"RIFF\0\0\0\0AVI LIST", Medium.AVI),
        (TS + TS, Medium.MPEG_TS),
        (b"%PDF-1.7", Medium.PDF),
        (b"\xef\xbb\xbf\r\n%PDF-1.4", Medium.PDF),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"just text", None),
        (b"G" + b"\0" * 200, None),
        (b" " * HEAD_BYTES + b"%PDF-1.7", None),
        (b"", None),
    ],
)
def test_the_first_bytes_tell_the_format(head: bytes, medium: Medium | None) -> None:
    assert sniff(head) is medium


def test_a_photo_and_a_video_must_be_what_was_announced() -> None:
    assert require(Kind.PHOTO, b"\xff\xd8\xff", "a.jpg", "") is Medium.JPEG
    assert require(Kind.PHOTO, b"\x89PNG\r\n\x1a\n", "a.jpg", "") is Medium.PNG, "the bytes count, not the name"
    assert require(Kind.VIDEO, b"\x1aE\xdf\xa3", "a.mp4", "") is Medium.MATROSKA
    for kind, head in ((Kind.PHOTO, b"text"), (Kind.PHOTO, b"\x1aE\xdf\xa3"), (Kind.VIDEO, b"\xff\xd8\xff")):
        with pytest.raises(Permanent) as refused:
            require(kind, head, "a", "")
        assert refused.value.code is Code.VALIDATION_ERROR


def test_a_document_may_be_anything_but_a_pdf_that_is_none() -> None:
    assert require(Kind.DOCUMENT, b"%PDF-1.7", "a.PDF", "application/pdf") is Medium.PDF
    assert require(Kind.DOCUMENT, b"PK\x03\x04", "a.docx", "") is None
    for name, content_type in (("a.Pdf", ""), ("a", "application/pdf")):
        with pytest.raises(Permanent):
            require(Kind.DOCUMENT, b"<html>", name, content_type)


def test_the_usual_extensions_of_a_format() -> None:
    for name in ("a.jpg", "a.JPEG", "a.b.jpe"):
        assert has_extension(name, Medium.JPEG)
    for name in ("a.png", "jpg", "a.jpg/b", "a.heic"):
        assert not has_extension(name, Medium.JPEG)
    assert has_extension("a.PNG", Medium.PNG)
