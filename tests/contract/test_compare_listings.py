"""The comparison of two buckets, as an operator runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from devstack.aws import variables
from tests.contract.aws import Bucket
from tests.images import encoded
from tools.compare_listings import contents

PICTURES = "28/processed/photo/horizontal"
LARGE, SMALL = f"{PICTURES}/large/a.png", f"{PICTURES}/small/a.png"
PLAN, TOUR, BUNDLE = (
    "28/processed/project/doc/original/plan.pdf",
    "28/processed/video/horizontal/original/tour.mp4",
    "28/processed/zip/28.zip",
)
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"


class Pair:
    """Two buckets, with the same objects in them at first."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.old, self.new = Bucket(endpoint), Bucket(endpoint)
        for bucket in (self.old, self.new):
            bucket.put(LARGE, picture(1200, 900))
            bucket.put(SMALL, picture(400, 300))
            bucket.put(PLAN, b"%PDF-1.7 a plan")
            bucket.put(TOUR, MP4)
            bucket.put(BUNDLE, b"PK\x03\x04")
            bucket.put("28/raw/photo/horizontal/a.png", b"an upload")
            bucket.put("281/processed/zip/281.zip", b"another listing")

    def compare(self, *arguments: str) -> tuple[int, list[str]]:
        """Exit status and lines of output."""
        answer = subprocess.run(
            [sys.executable, "-m", "tools.compare_listings", *arguments],
            env={**os.environ, **variables(self.endpoint)},
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return answer.returncode, answer.stdout.splitlines()

    def listing(self, number: str = "28") -> tuple[int, list[str]]:
        return self.compare(self.old.name, self.new.name, number)


def picture(width: int, height: int, file_format: str = "PNG") -> bytes:
    return encoded(Image.new("RGB", (width, height)), file_format)


@pytest.fixture
def pair(moto_url: str) -> Pair:
    return Pair(moto_url)


def test_buckets_with_the_same_things_are_equal(pair: Pair) -> None:
    """Other bytes of the same format and size are, too: two encoders never write the same ones."""
    pair.new.put(LARGE, encoded(Image.new("RGB", (1200, 900), "teal"), "PNG"))
    assert pair.listing() == (0, ["0 of 5 keys differ"])


def test_each_key_that_one_side_lacks_is_named(pair: Pair) -> None:
    pair.old.put("28/processed/zip/12.zip", b"PK\x03\x04")
    pair.new.put("28/processed/video/horizontal/small/tour.mp4", picture(400, 225, "JPEG"))
    assert pair.listing() == (
        1,
        [
            "only new  28/processed/video/horizontal/small/tour.mp4  JPEG 400×225",
            "only old  28/processed/zip/12.zip  another format",
            "2 of 7 keys differ",
        ],
    )


def test_formats_and_sizes_are_those_of_the_bytes(pair: Pair) -> None:
    """The old pipeline stored JPEGs under other names and enlarged what was small."""
    pair.old.put(LARGE, picture(1200, 900, "JPEG"), "image/png")
    pair.new.put(SMALL, picture(320, 240))
    pair.new.put(TOUR, b"an error page")
    pair.new.put(PLAN, picture(10, 10)[:20])
    assert pair.listing() == (
        1,
        [
            f"differs   {LARGE}  JPEG 1200×900 → PNG 1200×900",
            f"differs   {SMALL}  PNG 400×300 → PNG 320×240",
            f"differs   {PLAN}  PDF → PNG, damaged",
            f"differs   {TOUR}  MP4 → another format",
            "4 of 5 keys differ",
        ],
    )


def test_all_listings_are_compared(pair: Pair) -> None:
    pair.new.put("281/processed/zip/281.zip", picture(1, 1))
    status, lines = pair.compare(pair.old.name, pair.new.name, "28", "281")
    assert (status, lines[-1]) == (1, "1 of 6 keys differ")


def test_nothing_to_compare_is_no_success(pair: Pair) -> None:
    assert pair.listing("29") == (2, ["29: neither bucket has anything processed"])


def test_a_bucket_that_cannot_be_read_is_no_difference(pair: Pair) -> None:
    status, (line,) = pair.compare(pair.old.name, "no-such-bucket", "28")
    assert status == 2
    assert "NoSuchBucket" in line


def test_a_bucket_is_listed_to_its_end(pair: Pair) -> None:
    client = pair.old.client
    client.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: params.update(MaxKeys=2)
    )
    assert contents(client, pair.old.name, 28) == {
        LARGE: "PNG 1200×900",
        SMALL: "PNG 400×300",
        PLAN: "PDF",
        TOUR: "MP4",
        BUNDLE: "another format",
    }
