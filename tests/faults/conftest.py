from __future__ import annotations

import pytest

from tests.e2e.conftest import make_world, receiver, world

__all__ = ["endpoint", "make_world", "receiver", "world"]


@pytest.fixture
def endpoint(moto_url: str) -> str:
    """AWS, played by moto: the faults come from what stands before it."""
    return moto_url
