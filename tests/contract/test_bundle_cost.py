"""What a bundle costs at a bucket that copies by itself: the bytes that move, and the requests."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.s3 import S3Objects
from devstack.aws import session
from devstack.counting import CountingEndpoint
from domain.model import Bundle, Job
from domain.rendition_cache import RenditionCache
from domain.run import Run
from domain.steps.zip import write_bundle
from tests.contract.aws import Bucket
from tests.fakes import FakeAttempt, make_ports

KEY = "28/processed/zip/28.zip"
MIB = 1024 * 1024
GIB = 1024 * MIB
VIDEO = 1_000_000_000
PHOTO = 751_000


class Site:
    """A bucket seen through a counting proxy: what `bundle` does is the bundle's own and nothing else."""

    def __init__(self, endpoint: str, counting: CountingEndpoint) -> None:
        self.bucket = Bucket(endpoint)
        self._counting = counting
        client = session().client("s3", endpoint_url=counting.url)
        self._objects = S3Objects(client, self.bucket.name, lambda direction, size: None)

    def bundle(self) -> tuple[Bundle, int, int]:
        """Write it; returns how many requests that took, and the bytes that moved, too."""
        self._counting.passed.clear()
        with ThreadPoolExecutor(8) as pool:
            ports = make_ports(objects=self._objects, transfers=pool)
            bundle = write_bundle(Run(Job(21, 28, "m-1"), FakeAttempt(), ports, RenditionCache(0)))
        assert bundle
        return bundle, *self._counting.count(lambda passed: True)


@pytest.fixture
def site(localstack_url: str) -> Iterator[Site]:
    with CountingEndpoint(localstack_url) as counting:
        yield Site(localstack_url, counting)


@pytest.mark.localstack
@pytest.mark.timeout(600)
def test_one_photo_into_a_listing_of_two_gigabytes_moves_little_more_than_the_photo(
    site: Site, tmp_path: Path
) -> None:
    client, name = site.bucket.client, site.bucket.name
    for number in range(2):
        video = tmp_path / f"{number}.mp4"
        with video.open("wb") as file:
            file.write(bytes([number]) * MIB)
            file.truncate(VIDEO)
        client.upload_file(str(video), name, f"28/processed/video/horizontal/original/{number}.mp4")
    first, _, moved = site.bundle()
    assert first.count == 2
    assert moved < 40 * MIB, "the videos' heads alone"

    site.bucket.put("28/processed/photo/horizontal/large/a.jpg", b"\xff\xd8\xff" + bytes(PHOTO))
    bundle, requests, moved = site.bundle()
    assert bundle.count == 3
    assert moved <= 2 * PHOTO + 8 * MIB
    assert requests <= 10 + 4 * bundle.size / GIB
    path = tmp_path / "bundle.zip"
    client.download_file(name, KEY, str(path))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert [info.file_size for info in archive.infolist()] == [PHOTO + 3, VIDEO, VIDEO]
