"""docker compose up, a job, and what happens to a job when its surroundings are restarted."""

from __future__ import annotations

import pytest

from tests.containers.conftest import REVISION, VERSION
from tests.containers.stack import Stack

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]


def check_told(stack: Stack, message_id: str, status: str) -> None:
    """The backend was told once, and the message is gone."""
    stack.wait_for_event(message_id, "message deleted")
    (callback,) = stack.callbacks(message_id)
    assert callback["verdict"] == "genuine"
    assert callback["payload"]["status"] == status


def failures(stack: Stack, message_id: str) -> list[str]:
    (callback,) = stack.callbacks(message_id)
    return [output["rawKey"] for output in callback["payload"]["outputs"] if output["errorCode"]]


def test_a_sample_ends_in_a_genuine_callback(stack: Stack) -> None:
    said = stack.compose("run", "--rm", "-T", "sample")
    message_id = said.split()[-1]
    check_told(stack, message_id, "PARTIAL_SUCCESS")
    assert failures(stack, message_id) == ["28/raw/photo/horizontal/broken.jpg"]


def test_the_worker_has_no_rights_and_no_writable_disk(stack: Stack) -> None:
    def shell(command: str) -> str:
        return stack.compose("exec", "-T", "worker", "sh", "-c", command)

    status = dict(line.split(":\t", 1) for line in shell("cat /proc/1/status").splitlines())
    assert status["Uid"].split() == ["10001"] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert "Read-only file system" in shell("touch /root-is-read-only 2>&1 || true")
    assert "Read-only file system" in shell("touch /opt/media-worker/so-is-the-code 2>&1 || true")
    assert shell("touch /tmp/written && ls /tmp") == "written\n"


def test_the_worker_says_how_it_is_and_which_build(stack: Stack) -> None:
    ask = ("exec", "-T", "worker", "media-worker", "health")
    assert stack.compose(*ask) == "ok\n"
    stack.wait_until(lambda: stack.compose(*ask, "--ready") == "ok\n", "poll")
    metrics = stack.compose("exec", "-T", "receiver", "curl", "-fsS", "http://worker:8080/metrics")
    assert f'media_worker_build_info{{revision="{REVISION}",version="{VERSION}"}} 1.0' in metrics
    assert f'"version": "{VERSION}", "revision": "{REVISION}"' in stack.compose("logs", "worker")


def test_sigterm_in_mid_job_lets_the_job_finish(stack: Stack) -> None:
    stack.compose("stop", "receiver")  # so that the job can't end before the signal
    message_id = stack.photo(31)
    stack.wait_for_event(message_id, "attempt begun")
    stack.compose("kill", "--signal", "SIGTERM", "worker")
    stack.wait_until(lambda: stack.lines("draining") != [], "SIGTERM")
    stack.compose("start", "receiver")
    stack.wait_until(lambda: stack.inspect("worker")["State"]["Status"] == "exited", "end")
    assert stack.inspect("worker")["State"]["ExitCode"] == 0
    assert [line["in_flight"] for line in stack.lines("draining")] == [1]
    check_told(stack, message_id, "SUCCEEDED")
    with pytest.raises(AssertionError, match="no worker answers"):
        stack.sample(31)
    stack.up()


def test_a_worker_that_is_killed_in_mid_job_has_a_successor(stack: Stack) -> None:
    stack.compose("stop", "receiver")
    message_id = stack.sample(32)
    stack.wait_for_event(message_id, "transcoding submitted", 2)
    stack.compose("kill", "worker")
    stack.up()
    check_told(stack, message_id, "PARTIAL_SUCCESS")
    assert stack.events(message_id, "attempt begun")[-1]["receive_count"] == 2
    assert len(stack.events(message_id, "transcoding submitted")) == 2, "no video was paid for twice"


def test_a_receiver_that_is_away_is_told_when_it_is_back(stack: Stack) -> None:
    stack.compose("stop", "receiver")
    message_id = stack.photo(33)
    stack.wait_for_event(message_id, "callback not acknowledged")
    stack.up()
    check_told(stack, message_id, "SUCCEEDED")


def test_an_emulator_that_forgot_its_jobs_fails_their_videos_alone(stack: Stack) -> None:
    message_id = stack.sample(34)
    stack.wait_for_event(message_id, "transcoding submitted", 2)
    stack.compose("restart", "--timeout", "0", "mediaconvert")
    check_told(stack, message_id, "PARTIAL_SUCCESS")
    assert {key.split("/")[2] for key in failures(stack, message_id)} == {"photo", "video"}


def test_a_localstack_that_forgot_everything_is_deployed_anew_and_worked_on(stack: Stack) -> None:
    """It keeps queue and bucket in memory, so the job in flight is lost with them; the worker isn't."""
    stack.compose("stop", "receiver")  # so that the job can't end before
    stack.wait_for_event(stack.photo(35), "attempt begun")
    started = stack.inspect("worker")["State"]["StartedAt"]
    stack.compose("restart", "--timeout", "0", "localstack")
    ask = ("exec", "-T", "worker", "sh", "-c", "media-worker health --ready || true")
    stack.wait_until(lambda: stack.lines("receive failed") != [], "failed poll")
    stack.up()
    check_told(stack, stack.photo(36), "SUCCEEDED")
    stack.wait_until(lambda: stack.compose(*ask) == "ok\n", "backend that is no longer out")
    assert stack.inspect("worker")["State"]["StartedAt"] == started
