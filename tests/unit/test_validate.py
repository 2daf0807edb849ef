from __future__ import annotations

import base64
import hashlib

import pytest

from domain.errors import Code, Permanent, Transient
from domain.kinds import AssetType
from domain.model import Asset, Failure, Job, Manifest, Source
from domain.ports import Head
from domain.rendition_cache import RenditionCache, RenditionRoom
from domain.run import Run
from domain.steps.validate import decode_sha256, validate
from tests.fakes import JPEG, MP4, PDF, FakeAttempt, FakeObjects, make_ports

PHOTO = "28/raw/photo/horizontal/a.jpg"
DOCUMENT = "28/raw/project/doc/a.pdf"
DIGEST = hashlib.sha256(JPEG).digest()


@pytest.fixture
def objects() -> FakeObjects:
    objects = FakeObjects()
    objects.put(PHOTO, JPEG)
    objects.put(DOCUMENT, PDF, "application/pdf")
    return objects


def check(objects: FakeObjects, *assets: Asset, last: bool = False) -> list[Source | Failure]:
    job, ports = Job(21, 28, "m-1", assets), make_ports(objects=objects)
    checked = validate(Run(job, FakeAttempt(last), ports, RenditionCache(RenditionRoom(0))))
    return [checked[asset] for asset in assets]


def why(objects: FakeObjects, asset: Asset) -> str:
    """The message of the asset's validation error."""
    (failure,) = check(objects, asset)
    assert isinstance(failure, Failure)
    assert failure.code is Code.VALIDATION_ERROR
    return failure.message


def test_a_good_asset_becomes_a_source(objects: FakeObjects) -> None:
    (source,) = check(objects, Asset(PHOTO, "PHOTO_VERTICAL"))
    assert isinstance(source, Source)
    assert source.raw.key == PHOTO
    assert source.type is AssetType.PHOTO_VERTICAL
    assert source.etag == objects.stored[PHOTO].etag
    assert source.size == len(JPEG)


@pytest.mark.parametrize(
    ("segments", "asset_type"),
    [
        ("photo/vertical", AssetType.PHOTO_VERTICAL),
        ("photo/horizontal", AssetType.PHOTO_HORIZONTAL),
        ("photo", AssetType.PHOTO),
        ("project/render", AssetType.PROJECT_RENDER),
    ],
)
def test_a_missing_type_comes_from_the_key(objects: FakeObjects, segments: str, asset_type: AssetType) -> None:
    (source,) = check(objects, Asset(objects.put(f"28/raw/{segments}/b.jpg", JPEG)))
    assert isinstance(source, Source)
    assert source.type is asset_type


def test_each_fault_of_an_asset_is_a_validation_error_of_its_own(objects: FakeObjects) -> None:
    assert "no object" in why(objects, Asset("28/raw/photo/horizontal/missing.jpg"))
    assert "empty" in why(objects, Asset(objects.put("28/raw/photo/horizontal/e.jpg", b"")))
    assert "limit" in why(objects, Asset(objects.put("28/raw/photo/horizontal/b.jpg", JPEG * 100)))
    assert "begin with 28/raw/" in why(objects, Asset("29/raw/photo/horizontal/a.jpg"))
    assert "media type" in why(objects, Asset(PHOTO, "ZIP"))
    assert "media type" in why(objects, Asset(objects.put("28/raw/at-tic/a.jpg", JPEG)))
    assert "malformed" in why(objects, Asset(PHOTO, problem="the entry is malformed"))


def test_a_limit_is_the_largest_size_that_passes(objects: FakeObjects) -> None:
    (source,) = check(
        objects, Asset(objects.put("28/raw/photo/horizontal/l.jpg", JPEG + b"x" * (1000 - len(JPEG))))
    )
    assert isinstance(source, Source)


@pytest.mark.parametrize(
    "manifest",
    [Manifest(size=1), Manifest(etag='"other"'), Manifest(content_type="image/png"), Manifest(sha256="no digest")],
)
def test_a_manifest_that_differs_is_an_error(objects: FakeObjects, manifest: Manifest) -> None:
    assert why(objects, Asset(PHOTO, manifest=manifest))


def test_a_manifest_that_agrees_passes(objects: FakeObjects) -> None:
    etag = f'"{objects.stored[PHOTO].etag}"'
    (source,) = check(objects, Asset(PHOTO, manifest=Manifest(len(JPEG), DIGEST.hex(), etag, "IMAGE/JPG; a=b")))
    assert isinstance(source, Source)
    assert source.sha256 == DIGEST, "the bucket holds no digest, so the bytes must be checked"


@pytest.mark.parametrize(("held", "passes"), [(DIGEST, True), (b"\0" * 32, False)])
def test_a_digest_that_the_bucket_holds_is_compared_at_once(
    objects: FakeObjects, held: bytes, passes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = Head(objects.stored[PHOTO].etag, len(JPEG), "image/jpeg", sha256=held)
    monkeypatch.setattr(objects, "head", lambda key: head)
    (source,) = check(objects, Asset(PHOTO, manifest=Manifest(sha256=DIGEST.hex())))
    assert isinstance(source, Source) == passes
    if isinstance(source, Source):
        assert source.sha256 is None


@pytest.mark.parametrize(
    "text",
    [
        DIGEST.hex(),
        DIGEST.hex().upper(),
        base64.b64encode(DIGEST).decode(),
        base64.b64encode(DIGEST).decode().rstrip("="),
        f"sha256:{DIGEST.hex()}",
        "sha256:" + base64.b64encode(DIGEST).decode(),
    ],
)
def test_a_digest_is_read_in_each_of_its_forms(text: str) -> None:
    assert decode_sha256(text) == DIGEST


@pytest.mark.parametrize("text", ["", "x", "zz" * 32, DIGEST.hex()[:-2], "sha256:", "é" * 64, DIGEST.hex() + "00"])
def test_what_is_no_digest_is_an_error(text: str) -> None:
    with pytest.raises(Permanent):
        decode_sha256(text)


def test_a_document_is_what_its_name_and_content_type_say(objects: FakeObjects) -> None:
    html = b"<html>not a PDF</html>"
    assert "PDF" in why(objects, Asset(objects.put("28/raw/project/doc/b.pdf", html, "text/html")))
    assert "PDF" in why(objects, Asset(objects.put("28/raw/project/doc/b", html, "application/pdf")))
    good = objects.put("28/raw/project/doc/c.txt", b"plain text", "text/plain")
    assert all(isinstance(source, Source) for source in check(objects, Asset(DOCUMENT), Asset(good)))


def test_a_photo_is_not_fetched_to_be_validated(objects: FakeObjects) -> None:
    check(objects, Asset(PHOTO))
    assert objects.called("read") == []


@pytest.mark.parametrize("key", ["28/raw/video/vertical/a$dt$.mp4", "28/raw/video/" + "v" * 995])
def test_a_video_whose_derivatives_could_not_be_named_is_an_error(objects: FakeObjects, key: str) -> None:
    assert key[:20] in why(objects, Asset(objects.put(key, MP4, "video/mp4")))


def test_what_the_transcoder_cannot_take_is_no_matter_for_a_photo(objects: FakeObjects) -> None:
    (source,) = check(objects, Asset(objects.put("28/raw/photo/a$dt$.jpg", JPEG)))
    assert isinstance(source, Source)


@pytest.mark.parametrize(
    ("key", "content"), [(PHOTO, JPEG), (DOCUMENT, PDF), ("28/raw/video/vertical/a.mp4", MP4)], ids=str
)
def test_each_kind_has_a_limit(objects: FakeObjects, key: str, content: bytes) -> None:
    objects.put(key, content + b" " * (1000 - len(content)))
    (source,) = check(objects, Asset(key))
    assert isinstance(source, Source)
    objects.put(key, content + b" " * (1001 - len(content)))
    assert "the limit for a" in why(objects, Asset(key))


def test_a_video_that_is_none_is_an_error(objects: FakeObjects) -> None:
    assert "announced" in why(objects, Asset(objects.put("28/raw/video/vertical/a.mp4", b"just some text")))


def test_the_same_key_twice_is_looked_at_once(objects: FakeObjects) -> None:
    check(objects, Asset(PHOTO), Asset(PHOTO))
    assert objects.called("head") == [PHOTO]


def test_a_bucket_that_throttles_fails_the_attempt_and_not_the_asset(objects: FakeObjects) -> None:
    def throttle(method: str, key: str) -> None:
        if key == PHOTO:
            raise Transient("SlowDown")

    objects.before = throttle
    with pytest.raises(Transient):
        check(objects, Asset(PHOTO), Asset(DOCUMENT))
    failed, other = check(objects, Asset(PHOTO), Asset(DOCUMENT), last=True)
    assert isinstance(failed, Failure)
    assert isinstance(other, Source)
