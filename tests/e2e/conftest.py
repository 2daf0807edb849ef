from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack.receiver import Receiver
from tests.e2e.world import SECRET, World


@pytest.fixture(params=["moto", pytest.param("localstack", marks=pytest.mark.localstack)])
def endpoint(request: pytest.FixtureRequest) -> str:
    """AWS, played by one or the other."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(SECRET) as running:
        yield running


@pytest.fixture
def make_world(endpoint: str, receiver: Receiver, tmp_path: Path) -> Callable[[int], World]:
    """A world whose queue moves a message to its DLQ after so many receives."""
    return lambda max_receive_count: World(endpoint, receiver, tmp_path, max_receive_count)


@pytest.fixture
def world(make_world: Callable[[int], World]) -> World:
    return make_world(3)
