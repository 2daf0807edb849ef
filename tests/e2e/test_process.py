"""The process: its start, its health, its end."""

from __future__ import annotations

import io
import json
import signal
import socket
import subprocess
import sys
import time

import pytest
from PIL import Image

from devstack.proxy import Proxy
from devstack.receiver import Answer, Hang
from tests import emf
from tests.e2e.world import SECRET, World, command

KEY = "28/raw/photo/horizontal/a.jpg"
JOB = {"jobId": 21, "listingId": 28, "assets": [KEY]}


@pytest.fixture
def uploaded(world: World) -> World:
    data = io.BytesIO()
    Image.new("RGB", (640, 480), "teal").save(data, "JPEG")
    world.upload(KEY, data.getvalue())
    return world


def test_help_and_version_work_everywhere() -> None:
    for arguments in (["--help"], ["run", "--help"], ["--version"], ["run", "--version"]):
        answer = command(*arguments)
        assert answer.returncode == 0
        assert answer.stdout


def test_missing_settings_stop_the_start_with_a_line_for_each() -> None:
    answer = command("run", environment={"QUEU_URL": "http://localhost/q"})
    assert answer.returncode == 2
    lines = [json.loads(line) for line in answer.stderr.splitlines()]
    assert {(line["event"], line["level"]) for line in lines} == {("can't start", "critical")}
    assert [(line["setting"], line["why"]) for line in lines] == [
        ("QUEUE_URL", "is required; there is QUEU_URL: did you mean QUEUE_URL?"),
        ("MEDIA_BUCKET", "is required"),
        ("CALLBACK_SECRET", "is required"),
        ("CALLBACK_URL", "is required"),
    ]
    assert answer.stdout == ""


def test_so_they_do_in_plain_text_where_the_log_is_for_people() -> None:
    answer = command("run", environment={"LOG_FORMAT": "console", "CALLBACK_SECRET": "too-short"})
    assert answer.returncode == 2
    assert answer.stderr.splitlines() == [
        "media-worker can't start: QUEUE_URL: is required",
        "media-worker can't start: MEDIA_BUCKET: is required",
        "media-worker can't start: CALLBACK_SECRET: must have at least 16 characters",
        "media-worker can't start: CALLBACK_URL: is required",
    ]


def test_a_port_that_is_taken_is_named_with_its_setting(world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        answer = command("run", environment=world.environment(HTTP_PORT=port))
    assert answer.returncode == 1
    (line,) = map(json.loads, answer.stderr.splitlines())
    assert (line["event"], line["level"]) == ("can't start", "critical")
    assert line["why"] == f"HTTP_PORT: port {port} can't be listened on: Address already in use"


def test_a_misspelt_setting_is_a_warning(world: World) -> None:
    with world.worker(WORKER_CONCURENCY="4") as worker:
        worker.wait_for_event("unknown setting")
        (line,) = worker.events("unknown setting")
    assert (line["level"], line["variable"], line["did_you_mean"]) == (
        "warning", "WORKER_CONCURENCY", "WORKER_CONCURRENCY",
    )  # fmt: skip


def test_it_is_ready_while_the_queue_is_idle_and_its_first_poll_still_open(world: World) -> None:
    """A visibility timeout of a minute has polls of 20 s."""
    with world.worker(VISIBILITY_TIMEOUT="60") as worker:
        worker.wait_ready(lambda: worker.get("/readyz")[0] == 200, 5)
        assert 'media_worker_receives_total{result="ok"} 0.0' in worker.get("/metrics")[1], "no poll has ended"


def test_a_log_for_people_has_no_colours_in_a_file(uploaded: World) -> None:
    with uploaded.worker(await_start=False, LOG_FORMAT="console") as worker:
        uploaded.enqueue(JOB)
        worker.wait_ready(lambda: "message deleted" in worker.output(), 30)
        assert "\x1b" not in worker.output()


def test_a_queue_without_a_redrive_policy_stops_the_start(world: World) -> None:
    with world.worker(await_start=False, QUEUE_URL=world.dlq_url) as worker:
        assert worker.wait(30) == 1
        assert "has no redrive policy" in worker.output()


def test_a_bucket_that_is_not_there_stops_the_start(world: World) -> None:
    with world.worker(await_start=False, MEDIA_BUCKET="no-such-bucket") as worker:
        assert worker.wait(30) == 1
        (line,) = worker.events("can't start")
    assert line["why"].startswith("look at the bucket no-such-bucket")


def test_a_machine_that_starts_no_decoder_stops_the_start(world: World) -> None:
    """So no job loses a receive by it."""
    program = (
        "import sys; from worker import bootstrap; bootstrap.RENDERER = 'no_such_library:Renderer';"
        "from worker.cli import main; sys.exit(main(['run']))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env=world.environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert answer.returncode == 1
    (line,) = map(json.loads, answer.stderr.splitlines())
    assert line["event"] == "can't start"
    assert line["why"].startswith("a decoder's process can't be started: ModuleNotFoundError: ")


def test_health_and_metrics(uploaded: World) -> None:
    with uploaded.worker() as worker:
        uploaded.enqueue(JOB)
        worker.wait_for_event("message deleted")
        assert worker.get("/livez") == (200, "ok\n")
        assert worker.get("/readyz") == (200, "ok\n")
        assert worker.get("/elsewhere")[0] == 404
        status, metrics = worker.get("/metrics")
    assert status == 200
    for sample in (
        'media_worker_jobs_total{outcome="SUCCEEDED"} 1.0',
        'media_worker_assets_total{code="",outcome="ok"} 1.0',
        'media_worker_step_seconds_count{step="thumbnails"} 1.0',
        "media_worker_messages_total 1.0",
        "media_worker_leases_lost_total 0.0",
        "media_worker_in_flight 0.0",
    ):
        assert sample in metrics


def test_the_health_command_asks_the_worker(world: World) -> None:
    with world.worker() as worker:
        worker.wait_ready(lambda: worker.get("/readyz")[0] == 200, 30)
        asked = {"HTTP_PORT": str(worker.port)}
        for option in ("--live", "--ready"):
            answer = command("health", option, environment=asked)
            assert (answer.returncode, answer.stdout, answer.stderr) == (0, "ok\n", "")
    assert command("health", environment=asked).returncode == 1


def test_the_build_says_which_one_it_is(world: World) -> None:
    build = {"MEDIA_WORKER_VERSION": "9.8.7", "MEDIA_WORKER_REVISION": "0123abc"}
    assert command("--version", environment=build).stdout == "9.8.7 (0123abc)\n"
    with world.worker(MEDIA_WORKER_VERSION="9.8.7", MEDIA_WORKER_REVISION="0123abc") as worker:
        assert 'media_worker_build_info{revision="0123abc",version="9.8.7"} 1.0' in worker.get("/metrics")[1]
        first = worker.lines()[0]
    assert (first["event"], first["version"], first["revision"]) == ("started", "9.8.7", "0123abc")


def test_a_log_line_for_each_step_with_all_that_names_the_job(uploaded: World) -> None:
    with uploaded.worker() as worker:
        message_id = uploaded.enqueue(JOB, Traceparent="00-2b63e64e71537bb0327788965465ed16-45348f2c8c2a34bf-01")
        worker.wait_for_event("message deleted")
        steps = worker.events("step done")
        output = worker.output()
    names = [line["step"] for line in steps]
    assert names == ["validate", "thumbnails", "confirm", "zip", "consolidate", "callback"]
    for line in steps:
        assert line["job_id"] == 21
        assert line["listing_id"] == 28
        assert line["message_id"] == message_id
        assert line["receive_count"] == 1
        assert line["trace_id"] == "2b63e64e71537bb0327788965465ed16"
        assert line["seconds"] >= 0
    assert SECRET not in output
    assert 'assets": [' not in output, "no message body"


def test_sigterm_while_idle_ends_the_process_after_its_poll(world: World) -> None:
    with world.worker() as worker:
        worker.wait_ready(lambda: worker.get("/readyz")[0] == 200, 30)
        worker.send(signal.SIGTERM)
        assert worker.wait(30) == 0
        assert worker.events("drained")
        assert not worker.events("metrics"), "nobody asked for them"


def test_metrics_are_in_the_log_when_the_process_ends_whatever_form_and_level_the_log_has(uploaded: World) -> None:
    with uploaded.worker(
        await_start=False, METRICS="emf", LOG_FORMAT="console", LOG_LEVEL="WARNING", VISIBILITY_TIMEOUT="60"
    ) as worker:
        uploaded.enqueue(JOB)
        uploaded.receiver.wait_for(1)
        worker.send(signal.SIGTERM)
        assert worker.wait(60) == 0
        documents = [emf.check(line) for line in worker.output().splitlines()]
    name = uploaded.queue_url.rpartition("/")[2]
    assert {document["queue"] for document in documents} == {name}
    added = {document["outcome"]: document for document in documents if "media_worker_jobs_total" in document}
    assert added.keys() == {"SUCCEEDED"}
    assert added["SUCCEEDED"]["media_worker_jobs_total"] == 1
    assert 0 < added["SUCCEEDED"]["media_worker_job_seconds_sum"] < 60, "since the message was sent"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_mid_start_drains_what_has_hardly_started(uploaded: World, number: signal.Signals) -> None:
    uploaded.enqueue(JOB)
    with Proxy(uploaded.endpoint) as s3:
        s3.stall()
        with uploaded.worker(await_start=False, AWS_ENDPOINT_URL_S3=s3.url) as worker:
            assert s3.connected.wait(30), "the worker looks at its bucket"
            worker.send(number)
            s3.heal()
            assert worker.wait(30) == 0
            (received,) = worker.events("signal received")
            assert worker.events("drained")
    assert received["signal"] == number.name


def test_a_process_that_was_paused_goes_on(world: World) -> None:
    with world.worker() as worker:
        worker.send(signal.SIGSTOP)
        time.sleep(1.5)  # longer than its main thread waits for a signal
        worker.send(signal.SIGCONT)
        world.enqueue("no job at all")
        worker.wait_for_event("malformed message left to the DLQ")
        worker.send(signal.SIGTERM)
        assert worker.wait(20) == 0


def test_sigterm_in_mid_job_lets_the_job_finish_and_a_second_one_changes_nothing(uploaded: World) -> None:
    uploaded.receiver.plan(Hang(then=Answer(200)))
    with uploaded.worker() as worker:
        uploaded.enqueue(JOB)
        uploaded.receiver.wait_for(1)
        worker.send(signal.SIGTERM)
        worker.wait_for_event("draining")
        worker.send(signal.SIGTERM)
        uploaded.receiver.release()
        assert worker.wait(60) == 0
        assert worker.events("message deleted")
    assert len(uploaded.receiver.callbacks) == 1
    assert uploaded.depth(uploaded.queue_url) == 0


def test_a_job_that_outlives_the_grace_period_goes_back_and_another_worker_finishes_it(uploaded: World) -> None:
    uploaded.receiver.plan(*[Answer(503)] * 50)
    with uploaded.worker(SHUTDOWN_GRACE="1", VISIBILITY_TIMEOUT="45") as worker:
        uploaded.enqueue(JOB)
        uploaded.receiver.wait_for(2)
        worker.send(signal.SIGTERM)
        assert worker.wait(60) == 0
    given_back = time.time()
    refused = len(uploaded.receiver.callbacks)
    with uploaded.worker() as other:
        uploaded.receiver.drop_plan()
        other.wait_for_event("message deleted")
    assert time.time() - given_back < 20, "the visibility timeout of 45 s wasn't waited for"
    assert uploaded.journal(28, 21)["attempts"][0]["ending"] == "released"
    callbacks = uploaded.receiver.callbacks
    assert len(callbacks) > refused
    assert len({callback.headers["webhook-id"] for callback in callbacks}) == 1


def test_a_long_job_keeps_its_lease(uploaded: World) -> None:
    """The callback hangs for three visibility timeouts; the message isn't received again meanwhile."""
    uploaded.receiver.plan(Hang(seconds=12, then=Answer(200)))
    with uploaded.worker(VISIBILITY_TIMEOUT="4") as one, uploaded.worker(VISIBILITY_TIMEOUT="4") as other:
        uploaded.enqueue(JOB)
        uploaded.receiver.wait_for(lambda callbacks: any(c.answered for c in callbacks), timeout=40)
        one.wait_ready(lambda: uploaded.depth(uploaded.queue_url) == 0, 20)
        assert len(one.events("attempt begun")) + len(other.events("attempt begun")) == 1
    assert len(uploaded.receiver.callbacks) == 1


def test_a_queue_that_vanishes_and_comes_back(uploaded: World) -> None:
    world = uploaded
    with world.worker() as worker:
        worker.wait_ready(lambda: worker.get("/readyz")[0] == 200, 30)
        world.sqs.delete_queue(QueueUrl=world.queue_url)
        worker.wait_ready(lambda: worker.get("/readyz")[0] == 503, 30)
        assert worker.get("/livez")[0] == 200
        assert worker.events("receive failed")
        world.create_queue()
        world.enqueue(JOB)
        worker.wait_for_event("message deleted", timeout=60)
        assert worker.get("/readyz")[0] == 200
