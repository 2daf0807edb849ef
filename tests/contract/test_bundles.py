"""A listing's bundle on every bucket, whether it copies parts by itself or not."""

from __future__ import annotations

import io
import zipfile

import pytest

from domain.model import Bundle, Job
from domain.rendition_cache import RenditionCache, RenditionRoom
from domain.run import Run
from domain.steps.zip import write_bundle
from tests.contract.aws import Bucket
from tests.fakes import JPEG, MP4, FakeAttempt, make_ports, threads

KEY = "28/processed/zip/28.zip"
MIB = 1024 * 1024
PHOTO = JPEG + b"photo" * 10_000


@pytest.fixture(params=["moto", "memory", pytest.param("localstack", marks=pytest.mark.localstack)])
def endpoint(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def bucket(request: pytest.FixtureRequest, endpoint: str) -> Bucket:
    return Bucket(request.getfixturevalue(f"{endpoint}_url"))


def bundled(bucket: Bucket) -> tuple[Bundle, dict[str, bytes]]:
    """What was made, and what can be read of it."""
    with threads(8) as pool:
        ports = make_ports(objects=bucket.objects, transfers=pool)
        made = write_bundle(Run(Job(21, 28, "m-1"), FakeAttempt(), ports, RenditionCache(RenditionRoom(0))))
    assert made
    head = bucket.objects.head(KEY)
    assert head
    assert head.size == made.size
    with zipfile.ZipFile(io.BytesIO(b"".join(bucket.objects.read(KEY, head.etag)))) as archive:
        return made, {name: archive.read(name) for name in archive.namelist()}


def test_a_bundle_follows_its_listing(bucket: Bucket, endpoint: str) -> None:
    """moto tells no CRC-32 of what it copied, so everything is sent."""
    video, other = MP4 + b"v" * 12 * MIB, MP4 + b"w" * 11 * MIB
    photos = {f"photo/vertical/large/{number}.jpg": PHOTO + b"%d" % number for number in range(5)}
    expected = {**photos, "video/vertical/original/a.mp4": video}
    for name, data in expected.items():
        bucket.put(f"28/processed/{name}", data)
    assert bundled(bucket)[1] == expected

    more = {
        "photo/vertical/large/6.jpg": PHOTO,
        "video/vertical/original/b.mp4": other,
        "photo/vertical/large/2.jpg": b"2",
    }
    for name, data in more.items():
        bucket.put(f"28/processed/{name}", data)
    bucket.client.delete_object(Bucket=bucket.name, Key="28/processed/photo/vertical/large/0.jpg")
    expected = {name: data for name, data in (expected | more).items() if not name.endswith("/0.jpg")}
    made, contents = bundled(bucket)
    assert contents == expected
    assert made.size > 23 * MIB
    assert made.sent == made.size if endpoint == "moto" else made.sent < 6 * MIB
    assert not bucket.open_uploads()
