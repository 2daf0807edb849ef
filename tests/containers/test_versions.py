"""A rollout and its way back: the previous version's image and this one, after each other at the same message."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.containers.stack import IMAGE, ROOT, Stack
from tests.containers.test_stack import check_told
from tests.e2e.test_versions import LEFT, PREVIOUS

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

READ_BUNDLE = Path(__file__).with_name("read_bundle.py").read_text()


@pytest.fixture(scope="module")
def previous(image: str) -> str:
    """The image of the commit before the journal of each message was kept apart."""
    archive = subprocess.run(["git", "archive", PREVIOUS], cwd=ROOT, capture_output=True)
    if archive.returncode:
        pytest.skip(f"the history isn't there: {archive.stderr.decode()}")
    name = f"{IMAGE}:previous"
    subprocess.run(["docker", "build", "--quiet", "--tag", name, "-"], input=archive.stdout, check=True)
    return name


def roll_out(stack: Stack, listing_id: int, first: str, second: str) -> str:
    """Stop the first version in mid-job and let the second one finish it; returns the message id."""
    stack.up(WORKER_IMAGE=first, SHUTDOWN_GRACE="1")
    stack.compose("stop", "receiver")  # so that the job can't end too early
    message_id = stack.sample(listing_id)
    stack.wait_for_event(message_id, "transcoding submitted", 2)
    stack.compose("stop", "worker")
    assert [line["ending"] for line in stack.events(message_id, LEFT)] == ["released"]
    stack.up(WORKER_IMAGE=second)
    check_told(stack, message_id, "PARTIAL_SUCCESS")
    read = ("run", "--rm", "--no-deps", "-T", "sample", "python", "-c", READ_BUNDLE, str(listing_id))
    assert stack.compose(*read) == f"{11 * 4 + 2 * 5 + 1} members\n"
    return message_id


def test_what_the_previous_image_began_is_finished_without_paying_again(
    stack: Stack, image: str, previous: str
) -> None:
    message_id = roll_out(stack, 41, previous, image)
    assert stack.events(message_id, "attempt begun"), "it is this container's log"
    assert stack.events(message_id, "transcoding submitted") == []


def test_what_this_image_began_is_finished_by_the_previous_one(stack: Stack, image: str, previous: str) -> None:
    """As when a deployment is rolled back. It may do work again; it doesn't know where to look."""
    roll_out(stack, 42, image, previous)
    stack.up()
