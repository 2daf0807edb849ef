"""The worker's image: what is in it, and what it costs to build it again."""

from __future__ import annotations

import json

import pytest

from tests.containers.conftest import REVISION, VERSION
from tests.containers.stack import docker

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

MB = 1_000_000


def run(image: str, *command: str) -> str:
    """What a command prints in a container that may write nowhere."""
    entrypoint, *arguments = command
    return docker("run", "--rm", "--read-only", "--network", "none", "--entrypoint", entrypoint, image, *arguments)


def test_code_is_a_small_layer_of_its_own(image: str) -> None:
    layers = docker("history", "--no-trunc", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", image)
    (size,) = [int(line.split()[0]) for line in layers.splitlines() if "COPY /media-worker " in line]
    assert 100_000 < size < MB


def test_the_image_is_not_larger_than_what_it_needs(image: str) -> None:
    base, whole = (json.loads(docker("inspect", each))[0]["Size"] for each in ("python:3.13-slim", image))
    assert whole - base < 110 * MB


def test_the_command_knows_its_version_and_revision(image: str) -> None:
    assert docker("run", "--rm", "--read-only", image, "--version") == f"{VERSION} ({REVISION})\n"
    labels = json.loads(docker("inspect", image))[0]["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == VERSION
    assert labels["org.opencontainers.image.revision"] == REVISION


def test_the_command_runs_without_the_environment_and_the_folder_of_who_starts_it(image: str) -> None:
    assert run(image, "pwd") == "/\n"
    assert run(image, "head", "-1", "/opt/media-worker/bin/media-worker").rstrip().endswith("python -I")


def test_there_is_no_pip(image: str) -> None:
    assert "pip" not in run(image, "ls", "/usr/local/bin", "/opt/media-worker/bin")
    for python in ("/usr/local/bin/python", "/opt/media-worker/bin/python"):
        search = "import importlib.util as u; print([u.find_spec(name) for name in ('pip', 'ensurepip')])"
        assert run(image, python, "-c", search) == "[None, None]\n"


def test_every_module_that_the_service_imports_is_compiled(image: str) -> None:
    """At run time nothing can be: the root file system is read-only."""
    program = (
        "import os, sys; sys.path.insert(0, '/opt/media-worker/bin/media-worker')\n"
        "import worker.run, worker.probe\n"
        "for module in list(sys.modules.values()):\n"
        "    spec = getattr(module, '__spec__', None)\n"
        "    if spec and spec.has_location and (spec.origin or '').endswith('.py'):\n"
        "        os.path.exists(spec.cached) or print(spec.origin)\n"
    )
    assert run(image, "python", "-I", "-c", program) == ""
