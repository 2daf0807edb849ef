"""MediaConvert on one machine: its API as far as the worker uses it, and ffmpeg behind it.

In a process of its own: `python -m devstack.mediaconvert`, with `AWS_ENDPOINT_URL` for S3.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError

from devstack.aws import session
from devstack.ffmpeg import FfmpegError, inspect
from devstack.mediaconvert_jobs import Job, Runner
from devstack.service_model import from_wire, request_shape, violations
from devstack.serving import LocalServer, QuietHandler
from devstack.transcode import complaints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

API = "/2017-08-29"
COLOURS = {"bt709": "ITU_709", "bt2020": "ITU_2020", "smpte2084": "SMPTE_2084", "arib-std-b67": "ARIB_B67"}
"""Primaries and transfer characteristics in ffmpeg's words, and in Probe's."""
TOKEN_SECONDS = 60.0
"""For how long the same ClientRequestToken is the same job."""


class ApiError(Exception):
    """An answer that is an error: its HTTP status and MediaConvert's name for it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class MediaConvertEmulator(LocalServer):
    """A context manager: an HTTP server in threads of this process, on loopback and a free port by default.

    What a test orders: `hold` keeps jobs in PROGRESSING until `release`, `fail` lets the next job end in ERROR,
    `refuse` answers the next calls of an operation with an error.
    """

    def __init__(
        self, s3: S3Client, *, host: str = "127.0.0.1", port: int = 0, clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._runner = Runner(s3)
        self._refusals: defaultdict[str, deque[ApiError]] = defaultdict(deque)
        self.calls: list[str] = []
        self.queue_status = "ACTIVE"
        super().__init__(_handler(self), host, port)

    def close(self) -> None:
        super().close()
        self._runner.close()

    @property
    def jobs(self) -> list[Job]:
        """All jobs there ever were, the oldest first."""
        return self._runner.jobs

    def hold(self) -> None:
        """Let no job end until `release`."""
        self._runner.may_end.clear()

    def release(self) -> None:
        self._runner.may_end.set()

    def fail(self, code: int, message: str) -> None:
        """Let the next job that is submitted end in ERROR."""
        self._runner.fail_next(code, message)

    def refuse(self, operation: str, status: int, code: str, times: int) -> None:
        """Answer the next calls of an operation, such as `CreateJob`, with an error."""
        self._refusals[operation].extend([ApiError(status, code, f"{code}, as ordered")] * times)

    def accept(self, operation: str) -> None:
        """Forget the refusals of an operation that are left."""
        self._refusals[operation].clear()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Mapping[str, Any]]:
        """Status and JSON of one request. Raises `ApiError`."""
        target, _, job_id = path.removeprefix(f"{API}/").partition("/")
        operations: Mapping[tuple[str, str, bool], tuple[str, Callable[[], tuple[int, Mapping[str, Any]]]]] = {
            ("POST", "jobs", False): ("CreateJob", lambda: (201, {"job": self._create(body)})),
            ("GET", "jobs", True): ("GetJob", lambda: (200, {"job": self._find(job_id).shown()})),
            ("GET", "jobs", False): (
                "ListJobs",
                lambda: (200, {"jobs": [job.shown() for job in self.jobs[::-1]]}),
            ),
            ("DELETE", "jobs", True): ("CancelJob", lambda: (202, self._cancel(job_id))),
            ("POST", "probe", False): ("Probe", lambda: (200, self._probe(body))),
            ("GET", "queues", True): ("GetQueue", lambda: (200, {"queue": self._queue(job_id)})),
        }
        if (method, target, bool(job_id)) not in operations:
            raise ApiError(404, "NotFoundException", f"{method} {path} isn't emulated")
        name, operation = operations[method, target, bool(job_id)]
        with self._lock:
            self.calls.append(name)
            if self._refusals[name]:
                raise self._refusals[name].popleft()
        return operation()

    def _create(self, body: bytes) -> Mapping[str, Any]:
        wire = _checked("CreateJob", body)
        request = from_wire(request_shape("mediaconvert", "CreateJob"), wire)
        if found := list(complaints(request["Settings"])):
            raise ApiError(400, "BadRequestException", "; ".join(found))
        with self._lock:
            now = self._clock()
            for job in self.jobs:
                same = job.request.get("clientRequestToken") == wire.get("clientRequestToken")
                if same and now - job.created_at < TOKEN_SECONDS:
                    return job.shown()
            job = Job(f"{now * 1000:.0f}-{uuid.uuid4().hex[:6]}", wire, now)
            self._runner.start(job, request["Settings"])
        return job.shown()

    def _find(self, job_id: str) -> Job:
        for job in self.jobs:
            if job.id == job_id:
                return job
        raise ApiError(404, "NotFoundException", f"there is no job {job_id}")

    def _cancel(self, job_id: str) -> Mapping[str, Any]:
        if not self._runner.cancel(self._find(job_id)):
            raise ApiError(409, "ConflictException", f"job {job_id} has ended")
        return {}

    def _queue(self, name: str) -> Mapping[str, Any]:
        """A queue of the account; there is none but its default one."""
        if name != "Default":
            raise ApiError(404, "NotFoundException", f"there is no queue {name}")
        return {"name": name, "status": self.queue_status}

    def _probe(self, body: bytes) -> Mapping[str, Any]:
        (file,) = _checked("Probe", body)["inputFiles"]
        with tempfile.TemporaryDirectory(prefix="probe-") as folder:
            try:
                clip = inspect(self._runner.fetched(file["fileUrl"], Path(folder)))
            except (ClientError, FfmpegError) as error:
                raise ApiError(400, "BadRequestException", f"the input can't be probed: {error}") from error
        video = {
            "width": clip.width, "height": clip.height, "rotation": clip.rotation,
            "colorPrimaries": COLOURS.get(clip.primaries, "UNSPECIFIED"),
            "transferCharacteristics": COLOURS.get(clip.transfer, "UNSPECIFIED"),
        }  # fmt: skip
        tracks: list[Mapping[str, Any]] = [{"index": 1, "trackType": "video", "videoProperties": video}]
        if clip.sound:
            properties = {"sampleRate": clip.sound.sample_rate}
            tracks.append({"index": 2, "trackType": "audio", "audioProperties": properties})
        return {"probeResults": [{"container": {"duration": clip.seconds, "tracks": tracks}}]}


def _checked(operation: str, body: bytes) -> dict[str, Any]:
    """The request's JSON. Raises `ApiError` where the service's model doesn't allow it."""
    try:
        wire: dict[str, Any] = json.loads(body)
    except ValueError as error:
        raise ApiError(400, "BadRequestException", "the body isn't JSON") from error
    shape = request_shape("mediaconvert", operation)
    if found := list(violations(shape, from_wire(shape, wire))):
        raise ApiError(400, "BadRequestException", "; ".join(found))
    return wire


def _handler(emulator: MediaConvertEmulator) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def _answer(self) -> None:
            headers = {"Content-Type": "application/json"}
            status: int
            answer: Mapping[str, Any]
            try:
                status, answer = emulator.answer(self.command, unquote(urlsplit(self.path).path), self.body())
            except ApiError as error:
                status, answer = error.status, {"message": str(error)}
                headers["x-amzn-ErrorType"] = error.code
            self.answer(status, headers, json.dumps(answer).encode())

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

    return Handler


def main() -> None:
    """Transcode until SIGTERM or SIGINT, on `MEDIACONVERT_HOST` and `MEDIACONVERT_PORT`."""
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    s3 = session().client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    host = os.environ.get("MEDIACONVERT_HOST", "127.0.0.1")
    port = int(os.environ.get("MEDIACONVERT_PORT", "9100"))
    with MediaConvertEmulator(s3, host=host, port=port):
        print(f"listening on port {port}", flush=True)
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
