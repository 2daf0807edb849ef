"""The formula of docs/operating.md, held against the files that cost most."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from domain.checks.machine import JOB, PROCESS, Sizing
from tests import costly
from tests.e2e.world import World, jpeg
from tests.faults.peak import looking
from tests.images import encoded
from tests.linux import LINUX_ONLY

pytestmark = [pytest.mark.faults, LINUX_ONLY]
MIB = 1024 * 1024
SIZING = Sizing(concurrency=2, image_processes=2, image_memory=1024 * MIB, photo_buffer=48 * MIB)
SETTINGS = {
    "WORKER_CONCURRENCY": "2",
    "IMAGE_PROCESSES": "2",
    "MAX_PHOTO_BYTES": str(24 * MIB),
    "PHOTO_BUFFER": str(48 * MIB),
    "VISIBILITY_TIMEOUT": "30",
}
TOO_MUCH = "it needed more than 1,024 MiB of memory (IMAGE_MEMORY)"
GOOD, LARGE = 20, 12


def bad() -> dict[str, tuple[bytes, str]]:
    """Files by name, each with what is said of it; empty where it is rendered."""
    hundred_megapixels = Image.new("RGBA", (10_000, 10_000), (1, 2, 3, 100))
    lies = costly.avif_of_size(encoded(Image.new("RGB", (6000, 4000)), "AVIF", speed=10), 64, 64)
    return {
        "tile.tif": (costly.tiff_of_tile(4000), "its tiles of 4000×4000 are too large for 16×16 pixels"),
        "segments.jpg": (costly.jpeg_of_segments(900_000), "its 900,009 segments before the pixels are more than"),
        "scans.jpg": (costly.jpeg_of_scans(40_000, 1000, 1000), "its 40,000 scans are more than 100"),
        "clear.webp": (encoded(hundred_megapixels, "WEBP", lossless=True, method=0), TOO_MUCH),
        "clear.png": (encoded(hundred_megapixels, "PNG", compress_level=1), TOO_MUCH),
        "lies.avif": (lies, ""),
        "fax.tif": (costly.tiff_of_fax(1_000_000), "64×1000000 can't be stored as JPEG"),
    }


@pytest.mark.timeout(900)
def test_worker_and_children_stay_under_the_formula_whatever_comes(world: World) -> None:
    files = bad()
    good = {f"good-{number}.jpg": jpeg() + b"%d" % number for number in range(GOOD)}
    large = {f"large-{number}.jpg": jpeg() + bytes(23 * MIB) + b"%d" % number for number in range(LARGE)}
    photos = {**{name: data for name, (data, _) in files.items()}, **good, **large}
    keys = [world.upload(f"28/raw/photo/horizontal/{name}", data) for name, data in photos.items()]
    with world.worker(await_start=True, **SETTINGS) as worker, looking(worker) as peak:
        world.enqueue({"jobId": 21, "listingId": 28, "assets": keys})
        (callback,) = world.receiver.wait_for(1, timeout=600)
        world.wait_until_settled()
    said = {Path(each["rawKey"]).name: each["errorMessage"] for each in callback.payload["outputs"]
            if each.get("errorCode")}  # fmt: skip
    assert said.keys() == {name for name, (_, why) in files.items() if why}
    for name, why in said.items():
        assert re.match(re.escape(files[name][1]), why), (name, why)
    assert {line["receive_count"] for line in worker.events("attempt begun")} == {1}
    figures = (peak.together, peak.of_worker, peak.of_child)
    assert peak.of_child > SIZING.image_memory / 2, "nothing costly came"
    assert peak.together <= SIZING.memory, figures
    assert peak.of_worker <= PROCESS + JOB * SIZING.concurrency + SIZING.photo_buffer, figures
    assert peak.of_child <= SIZING.image_memory, figures
