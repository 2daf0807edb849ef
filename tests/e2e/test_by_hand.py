"""Jobs by hand, and a real worker that does them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from subprocess import CompletedProcess

from devstack.receiver import Answer
from tests.e2e.world import World, command, jpeg

GOOD, BAD = "28/raw/photo/horizontal/a.jpg", "29/raw/photo/b.jpg"


def hand(world: World, *arguments: str) -> CompletedProcess[str]:
    return command(*arguments, environment=world.environment())


def test_a_job_is_sent_under_its_number_and_followed_to_its_end(world: World) -> None:
    world.upload(GOOD, jpeg())
    with world.worker():
        said = hand(world, "enqueue", "28", "photo/horizontal/a.jpg", "--job", "21", "--wait")
    (callback,) = world.receiver.acknowledged
    assert (callback.payload["jobId"], callback.payload["status"]) == (21, "SUCCEEDED")
    assert said.returncode == 0
    assert said.stdout == f"job 21 of listing 28, message {callback.payload['externalId']}: SUCCEEDED\n"


def test_every_upload_of_the_listing_is_replayed_and_a_partial_success_is_noticed(world: World) -> None:
    world.upload("29/raw/photo/a.jpg", jpeg())
    world.upload(BAD, b"once upon a time")
    with world.worker():
        said = hand(world, "replay", "29", "--wait", "--json")
    (job,) = json.loads(said.stdout)
    assert said.returncode == 1
    assert (job["status"], job["assets"]) == ("PARTIAL_SUCCESS", ["29/raw/photo/a.jpg", BAD])
    assert "--job" in said.stderr, "the backend doesn't know this number"
    found = hand(world, "job", "29", str(job["job"]))
    assert found.returncode == 0
    (line,) = [line for line in found.stdout.splitlines() if "asset failed" in line]
    assert re.search(f"asset failed, VALIDATION_ERROR: {BAD}: .*unknown format", line)


def test_a_failure_for_good_says_why(world: World) -> None:
    world.upload(BAD, b"once upon a time")
    with world.worker():
        said = hand(world, "replay", "29", "--wait", "--json")
    (job,) = json.loads(said.stdout)
    assert said.returncode == 1
    assert (job["status"], job["code"]) == ("VALIDATION_FAILED", "VALIDATION_ERROR")
    assert "unknown format" in job["why"]


def test_a_backend_that_never_acknowledges_is_an_end_too(make_world: Callable[[int], World]) -> None:
    world = make_world(2)
    world.upload(GOOD, jpeg())
    world.receiver.rule = lambda _: Answer(404)
    with world.worker():
        said = hand(world, "enqueue", "28", "--wait")
    assert said.returncode == 1
    assert "failed, and the backend wasn't told, the backend answered the callback with 404" in said.stdout


def test_what_can_not_be_sent_is_one_line(world: World) -> None:
    for arguments, why in (
        (("replay", "31"), "there are no uploads under 31/raw/"),
        (("enqueue", "28", BAD), "doesn't begin with 28/raw/"),
    ):
        said = hand(world, *arguments)
        assert said.returncode == 1
        assert why in said.stderr
        assert said.stderr.count("\n") == 1
    assert world.depth(world.queue_url) == 0
