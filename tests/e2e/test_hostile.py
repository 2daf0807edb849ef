"""What somebody may try who can send messages, but is not the backend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devstack.receiver import Answer, Receiver
from tests.e2e.world import SECRET, World, command, jpeg
from tests.linux import LINUX_ONLY

PHOTO = "28/raw/photo/horizontal/a.jpg"
OTHERS = "29/raw/photo/horizontal/theirs.jpg"
TOKEN, KEY = "session-token-of-the-tests", "secret-access-key-of-the-tests"
HOSTILE = [
    OTHERS,
    "28/raw/photo/../../29/raw/photo/horizontal/a.jpg",
    "28/raw/../../etc/passwd",
    "/etc/passwd",
    "28/raw/photo/horizontal/%2e%2e/%2e%2e/a.jpg",
    "28/raw/photo/horizontal/\x1b[31mred\x1b[0m.jpg",
    '28/raw/photo/horizontal/a.jpg\n{"event": "message deleted"}',
    "28/raw/photo/horizontal/a.jpg\r\nX-Evil: 1",
    "28/raw/photo/horizontal/%s%n{0.__class__}{job_id}.jpg",
    "28/raw/photo/horizontal/\u202egpj.exe",
    "28/raw/photo/horizontal/\ud800.jpg",
    "28/processed/photo/horizontal/large/a.jpg",
    "28/work/21.json",
    "x" * 5000,
]
TRACES = [
    "01-2b63e64e71537bb0327788965465ed16-45348f2c8c2a34bf-01-\r\nX-Evil: 1",
    "01-2b63e64e71537bb0327788965465ed16-45348f2c8c2a34bf-01-\u20ac",
    "00-2b63e64e71537bb0327788965465ed16-45348f2c8c2a34bf-01\r\nX-Evil: 1",
]


@pytest.fixture
def endpoint(moto_url: str) -> str:
    """LocalStack would be no different."""
    return moto_url


@pytest.mark.parametrize("form", ["json", "console"])
def test_hostile_keys_leave_neither_their_listing_nor_their_log_line(world: World, form: str) -> None:
    world.upload(PHOTO, jpeg())
    theirs = world.upload(OTHERS, jpeg(colour="red"))
    before = world.keys()
    with world.worker(await_start=False, LOG_FORMAT=form, LOG_LEVEL="DEBUG") as worker:
        world.enqueue({"jobId": 21, "listingId": 28, "batchId": "../../29/{0}\r\n", "assets": [PHOTO, *HOSTILE]})
        (callback,) = world.receiver.wait_for(1)
        world.wait_until_settled()
        output = worker.output()
    assert callback.payload["status"] == "PARTIAL_SUCCESS"
    assert [each["rawKey"] for each in callback.payload["outputs"]] == [PHOTO, *(key[:1024] for key in HOSTILE)]
    for failed in callback.payload["outputs"][1:]:
        assert failed["errorCode"] == "VALIDATION_ERROR"
    made = world.keys() - before
    assert made
    assert all(
        key.startswith(("28/processed/photo/horizontal/", "28/processed/zip/28.zip", "28/work/21/"))
        for key in made
    )
    assert world.tags(theirs) == {}
    if form == "json":
        assert len(worker.events("message deleted")) == 1
        assert len(worker.events("asset failed")) == len(HOSTILE)
        assert not worker.events("the acknowledgement wasn't written to the journal")
    assert "\x1b[31mred" not in output
    assert '\n{"event": "message deleted"}' not in output


def test_a_message_has_no_say_in_where_its_callback_goes_and_with_which_headers(world: World) -> None:
    world.upload(PHOTO, jpeg())
    with Receiver(SECRET) as elsewhere, world.worker():
        for job_id, trace in enumerate(TRACES, 21):
            world.enqueue(
                {
                    "jobId": job_id, "listingId": 28, "assets": [PHOTO], "traceparent": trace,
                    **dict.fromkeys(("callbackUrl", "callback_url", "url", "CALLBACK_URL"), elsewhere.url),
                },
                CallbackUrl=elsewhere.url,
            )  # fmt: skip
        callbacks = world.receiver.wait_for(len(TRACES))
        world.wait_until_settled()
    assert elsewhere.callbacks == ()
    assert {callback.payload["status"] for callback in callbacks} == {"SUCCEEDED"}
    for callback in callbacks:
        assert callback.verdict == "genuine"
        assert "x-evil" not in callback.headers
        assert "traceparent" not in callback.headers


@LINUX_ONLY
def test_no_secret_is_in_logs_tracebacks_metrics_journals_callbacks_or_the_command_line(world: World) -> None:
    world.upload(PHOTO, jpeg())
    secrets = {"AWS_SECRET_ACCESS_KEY": KEY, "AWS_SESSION_TOKEN": TOKEN, "LOG_LEVEL": "DEBUG"}
    with world.worker("tests.e2e.breaks", await_start=True, **secrets) as worker:
        world.enqueue({"jobId": 21, "listingId": 28, "assets": [PHOTO, "28/raw/photo/missing.jpg"]})
        worker.wait_for_event("attempt failed; message left to the queue")
        assert "nobody foresaw this" in worker.events("unexpected error in the job")[0]["exception"]
        command = Path(f"/proc/{worker.process.pid}/cmdline").read_text()
        said = [worker.get(path)[1] for path in ("/metrics", "/livez", "/readyz", "/nowhere")]
        said += [worker.output(), command, json.dumps(world.journal(28, 21))]
    world.receiver.plan(Answer(500), Answer(403), Answer(404))
    with world.worker(await_start=True, **secrets) as worker:
        worker.wait_for_event("attempt failed; message left to the queue", timeout=60)
        said.append(worker.output())
    said += [callback.body.decode() + str(callback.headers) for callback in world.receiver.callbacks]
    assert len(said) >= 9
    for secret in (SECRET, KEY, TOKEN):
        assert [text for text in said if secret in text] == []


def test_no_secret_is_in_what_a_bad_setting_says(world: World) -> None:
    environment = world.environment(CALLBACK_SECRET="too-short", CALLBACK_URL="no URL with pa55word")
    answer = command("run", environment=environment)
    assert answer.returncode == 2
    assert '"setting": "CALLBACK_SECRET"' in answer.stderr
    assert '"setting": "CALLBACK_URL"' in answer.stderr
    assert "too-short" not in answer.stdout + answer.stderr
    assert "pa55word" not in answer.stdout + answer.stderr
