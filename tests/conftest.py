from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

from devstack.clips import clip, rotated
from devstack.localstack import localstack
from devstack.moto import moto_server

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
def localstack_url() -> Iterator[str]:
    with localstack() as url:
        yield url


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Small videos of three seconds, by what is special about each."""
    folder = tmp_path_factory.mktemp("clips")
    sound = clip(folder / "sound.mp4", (640, 360), seconds=3, sound=True)
    lying = clip(folder / "lying.mp4", (640, 360), seconds=3, sound=False, lying=True)
    return {"sound": sound, "rotated": rotated(lying, folder / "rotated.mov")}
