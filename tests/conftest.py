from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from devstack.localstack import localstack
from devstack.moto import moto_server

settings.register_profile("tests", deadline=None)  # two busy cores are slow now and then
settings.load_profile("tests")


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def localstack_url() -> Iterator[str]:
    with localstack() as url:
        yield url
