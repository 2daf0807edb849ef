from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

from benchmarks.aws_server import aws_server
from devstack.clips import clip, hdr_clip, rotated
from devstack.localstack import localstack
from devstack.moto import moto_server
from devstack.samples import Sample, sample_set

DrawOnce = Callable[[str, Callable[[Path], object]], Path]
"""From a folder's name, and what fills a folder, to the folder."""

settings.register_profile("tests", deadline=None)  # two busy cores are slow now and then
settings.register_profile("fuzz", deadline=None, max_examples=10_000)
settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The soak first: it takes longest, and mostly waits."""
    items.sort(key=lambda item: "test_soak" not in item.nodeid)


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def memory_url() -> Iterator[str]:
    with aws_server() as (url, _):
        yield url


@pytest.fixture(scope="session")
def localstack_url() -> Iterator[str]:
    with localstack() as url:
        yield url


@pytest.fixture(scope="session")
def draw_once(tmp_path_factory: pytest.TempPathFactory) -> DrawOnce:
    """The first of the session's test processes fills the folder, the others wait for it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def once(name: str, draw: Callable[[Path], object]) -> Path:
        folder, unfinished = shared / name, shared / f"{name}.unfinished"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                unfinished.mkdir(exist_ok=True)  # where an earlier drawing failed
                draw(unfinished)
                unfinished.rename(folder)
        return folder

    return once


@pytest.fixture(scope="session")
def sample_media(draw_once: DrawOnce) -> tuple[Sample, ...]:
    """The sample set, drawn once: that takes seconds."""
    folder = draw_once("samples", lambda folder: (folder / "set.pickle").write_bytes(pickle.dumps(sample_set())))
    samples: tuple[Sample, ...] = pickle.loads((folder / "set.pickle").read_bytes())
    return samples


@pytest.fixture(scope="session")
def clips(draw_once: DrawOnce) -> Mapping[str, Path]:
    """Small videos of three seconds, by what is special about each."""

    def draw(folder: Path) -> None:
        clip(folder / "sound.mp4", (640, 360), seconds=3, sound=True)
        lying = clip(folder / "lying.mp4", (640, 360), seconds=3, sound=False, lying=True)
        rotated(lying, folder / "rotated.mov")

    folder = draw_once("clips", draw)
    return {"sound": folder / "sound.mp4", "rotated": folder / "rotated.mov"}


@pytest.fixture(scope="session")
def hdr_clips(draw_once: DrawOnce) -> Mapping[str, Path]:
    """Small HDR videos of three seconds, by how they are coded."""
    transfers = {"HLG": "arib-std-b67", "PQ": "smpte2084"}

    def draw(folder: Path) -> None:
        for name, transfer in transfers.items():
            hdr_clip(folder / f"{name}.mov", transfer, seconds=3)

    folder = draw_once("hdr-clips", draw)
    return {name: folder / f"{name}.mov" for name in transfers}
