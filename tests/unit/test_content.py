from __future__ import annotations

import re
from pathlib import Path

import pytest

from domain.content import HEAD_BYTES, FileFormat, has_extension, require, sniff
from domain.errors import Code, Permanent
from domain.kinds import Kind

TS = b"G" + b"\0" * 187


@pytest.mark.parametrize(
    ("head", "file_format"),
    [
        (b"\xff\xd8\xff\xe0", FileFormat.JPEG),
        (b"\x89PNG\r\n\x1a\n", FileFormat.PNG),
        (b"GIF87a", FileFormat.GIF),
        (b"GIF89a", FileFormat.GIF),
        (b"RIFF\0\0\0\0WEBPVP8 ", FileFormat.WEBP),
        (b"II*\0", FileFormat.TIFF),
        (b"MM\0*", FileFormat.TIFF),
        (b"MM\0+", FileFormat.TIFF),
        (b"BM\0\0", FileFormat.BMP),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1miaf", FileFormat.AVIF),
        (b"\0\0\0\x1cftypmif1\0\0\0\0avifmif1miaf", FileFormat.AVIF),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", FileFormat.HEIF),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", FileFormat.HEIF),
        (b"\0\0\0\x14ftypmif1\0\0\0\0mif1", FileFormat.HEIF),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", FileFormat.MP4),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", FileFormat.MP4),
        (b"\0\0\x10\0moov", FileFormat.MP4),
        (b"\0\0\0\x08wide", FileFormat.MP4),
        (b"\x1aE\xdf\xa3", FileFormat.MATROSKA),
        (b"RIFF\0\0\0\0AVI LIST", FileFormat.AVI),
        (TS + TS, FileFormat.MPEG_TS),
        (b"%PDF-1.7", FileFormat.PDF),
        (b"\xef\xbb\xbf\r\n%PDF-1.4", FileFormat.PDF),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"just text", None),
        (b"G" + b"\0" * 200, None),
        (b" " * HEAD_BYTES + b"%PDF-1.7", None),
        (b"", None),
    ],
)
def test_the_first_bytes_tell_the_format(head: bytes, file_format: FileFormat | None) -> None:
    assert sniff(head) is file_format


def test_photos_become_what_the_contract_says() -> None:
    contract = (Path(__file__).parents[2] / "docs" / "contract.md").read_text()
    table = re.search(r"\| upload \| its derivatives \|\n\|---\|---\|\n((?:\|.*\n)+)", contract)
    assert table
    named = {file_format.name: file_format for file_format in FileFormat} | {"HEIC": FileFormat.HEIF}
    told = {
        named[upload.upper()]: named[re.split(r"\W+", becomes.strip())[0].upper()]
        for uploads, becomes in re.findall(r"\|(.*)\|(.*)\|", table[1])
        for upload in re.findall(r"\w+", uploads)
    }
    assert told == {photo: photo.becomes for photo in FileFormat if photo.kind is Kind.PHOTO}


def test_a_photo_and_a_video_must_be_what_was_announced() -> None:
    assert require(Kind.PHOTO, b"\xff\xd8\xff", "a.jpg", "") is FileFormat.JPEG
    assert require(Kind.PHOTO, b"\x89PNG\r\n\x1a\n", "a.jpg", "") is FileFormat.PNG, (
        "the bytes count, not the name"
    )
    assert require(Kind.VIDEO, b"\x1aE\xdf\xa3", "a.mp4", "") is FileFormat.MATROSKA
    for kind, head in ((Kind.PHOTO, b"text"), (Kind.PHOTO, b"\x1aE\xdf\xa3"), (Kind.VIDEO, b"\xff\xd8\xff")):
        with pytest.raises(Permanent) as refused:
            require(kind, head, "a", "")
        assert refused.value.code is Code.VALIDATION_ERROR


def test_a_document_may_be_anything_but_a_pdf_that_is_none() -> None:
    assert require(Kind.DOCUMENT, b"%PDF-1.7", "a.PDF", "application/pdf") is FileFormat.PDF
    assert require(Kind.DOCUMENT, b"PK\x03\x04", "a.docx", "") is None
    for name, content_type in (("a.Pdf", ""), ("a", "application/pdf")):
        with pytest.raises(Permanent):
            require(Kind.DOCUMENT, b"<html>", name, content_type)


def test_the_usual_extensions_of_a_format() -> None:
    for name in ("a.jpg", "a.JPEG", "a.b.jpe"):
        assert has_extension(name, FileFormat.JPEG)
    for name in ("a.png", "jpg", "a.jpg/b", "a.heic"):
        assert not has_extension(name, FileFormat.JPEG)
    assert has_extension("a.PNG", FileFormat.PNG)
