"""A real Docker engine, wherever there is one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.containers.stack import IMAGE, ROOT, Stack, docker

VERSION, REVISION = "9.8.7", "0123abc"


@pytest.fixture(scope="session")
def image() -> str:
    """The worker's image, built from this checkout."""
    if shutil.which("docker") is None:
        pytest.skip("there is no docker on the PATH")
    build = ("build", "--tag", IMAGE, "--build-arg", f"VERSION={VERSION}", "--build-arg", f"REVISION={REVISION}")
    docker(*build, str(ROOT))
    return IMAGE


@pytest.fixture(scope="session")
def stack(image: str) -> Iterator[Stack]:
    """All services, healthy."""
    stack = Stack()
    stack.down()  # what a killed test run left
    try:
        stack.compose("build", "deploy")
        stack.up()
        yield stack
    finally:
        stack.down()
