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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError

from devstack.aws import REGION, session
from devstack.ffmpeg import FfmpegError, inspect
from devstack.service_model import from_wire, request_shape, violations
from devstack.transcode import CONTENT_TYPES, Made, TranscodeError, complaints, source_of, transcode

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

API = "/2017-08-29"
TOKEN_SECONDS = 60.0
"""For how long the same ClientRequestToken is the same job."""
CANT_OPEN_INPUT = 1404
ACCOUNT = "000000000000"


class ApiError(Exception):
    """An answer that is an error: its HTTP status and MediaConvert's name for it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(slots=True)
class Job:
    """A job and what became of it; `request` is CreateJob's body as it came."""

    id: str
    request: Mapping[str, Any]
    created_at: float
    status: str = "SUBMITTED"
    error: tuple[int, str] | None = None
    details: list[list[Mapping[str, Any]]] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """As GetJob answers."""
        job = {
            "id": self.id,
            "arn": f"arn:aws:mediaconvert:{REGION}:{ACCOUNT}:jobs/{self.id}",
            "createdAt": self.created_at,
            "status": self.status,
            "queue": f"arn:aws:mediaconvert:{REGION}:{ACCOUNT}:queues/Default",
            **self.request,
            "outputGroupDetails": [{"outputDetails": details} for details in self.details],
        }
        if self.error:
            job["errorCode"], job["errorMessage"] = self.error
        return job


class MediaConvertEmulator:
    """A context manager: an HTTP server in threads of this process, on loopback and a free port by default.

    Jobs run side by side, two at a time. What a test orders: `hold` keeps jobs in PROGRESSING until `release`,
    `fail` lets the next job end in ERROR, `refuse` answers the next calls of an operation with an error.
    """

    def __init__(
        self, s3: S3Client, *, host: str = "127.0.0.1", port: int = 0, clock: Callable[[], float] = time.time
    ) -> None:
        self._s3 = s3
        self._clock = clock
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(2, "transcode")
        self._going_on = threading.Event()
        self._going_on.set()
        self._failures: deque[tuple[int, str]] = deque()
        self._refusals: defaultdict[str, deque[ApiError]] = defaultdict(deque)
        self.jobs: list[Job] = []
        self.calls: list[str] = []
        self._server = _Server((host, port), _Handler)
        self._server.emulator = self

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._pool.shutdown(cancel_futures=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def hold(self) -> None:
        """Let no job end until `release`."""
        self._going_on.clear()

    def release(self) -> None:
        self._going_on.set()

    def fail(self, code: int, message: str) -> None:
        """Let the next job that is submitted end in ERROR."""
        self._failures.append((code, message))

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
                lambda: (200, {"jobs": [each.shown() for each in self.jobs[::-1]]}),
            ),
            ("DELETE", "jobs", True): ("CancelJob", lambda: (202, self._cancel(job_id))),
            ("POST", "probe", False): ("Probe", lambda: (200, self._probe(body))),
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
            self.jobs.append(job)
            failure = self._failures.popleft() if self._failures else None
        self._pool.submit(self._run, job, request["Settings"], failure)
        return job.shown()

    def _find(self, job_id: str) -> Job:
        for job in self.jobs:
            if job.id == job_id:
                return job
        raise ApiError(404, "NotFoundException", f"there is no job {job_id}")

    def _cancel(self, job_id: str) -> Mapping[str, Any]:
        job = self._find(job_id)
        with self._lock:
            if job.status not in {"SUBMITTED", "PROGRESSING"}:
                raise ApiError(409, "ConflictException", f"job {job_id} has ended")
            job.status = "CANCELED"
        return {}

    def _probe(self, body: bytes) -> Mapping[str, Any]:
        (file,) = _checked("Probe", body)["inputFiles"]
        with tempfile.TemporaryDirectory(prefix="probe-") as folder:
            try:
                clip = inspect(self._fetched(file["fileUrl"], Path(folder)))
            except (ClientError, FfmpegError) as error:
                raise ApiError(400, "BadRequestException", f"the input can't be probed: {error}") from error
        tracks: list[Mapping[str, Any]] = [
            {
                "index": 1, "trackType": "video",
                "videoProperties": {"width": clip.width, "height": clip.height, "rotation": clip.rotation},
            }
        ]  # fmt: skip
        if clip.sound:
            properties = {"sampleRate": clip.sound.sample_rate}
            tracks.append({"index": 2, "trackType": "audio", "audioProperties": properties})
        return {"probeResults": [{"container": {"duration": clip.seconds, "tracks": tracks}}]}

    def _run(self, job: Job, settings: Mapping[str, Any], failure: tuple[int, str] | None) -> None:
        self._move(job, "PROGRESSING")
        try:
            if failure:
                raise TranscodeError(*failure)
            with tempfile.TemporaryDirectory(prefix="transcode-") as folder:
                made = list(transcode(settings, self._fetched(source_of(settings), Path(folder)), Path(folder)))
                self._going_on.wait()
                if job.status == "PROGRESSING":
                    self._store(job, made, len(settings["OutputGroups"]))
        except TranscodeError as error:
            self._going_on.wait()
            job.error = (error.code, str(error))
            self._move(job, "ERROR")
        except ClientError as error:
            job.error = (CANT_OPEN_INPUT, f"Unable to open input file: {error}")
            self._move(job, "ERROR")
        except Exception as error:  # as MediaConvert has it: a service error
            job.error = (1999, repr(error))
            self._move(job, "ERROR")
        else:
            self._move(job, "COMPLETE")

    def _move(self, job: Job, status: str) -> None:
        with self._lock:
            if job.status != "CANCELED":
                job.status = status

    def _fetched(self, url: str, folder: Path) -> Path:
        bucket, key = _located(url)
        target = folder / "input"
        self._s3.download_file(bucket, key, str(target))
        return target

    def _store(self, job: Job, made: list[tuple[int, Made]], groups: int) -> None:
        details: list[list[Mapping[str, Any]]] = [[] for _ in range(groups)]
        for index, output in made:
            for file, url in output.files:
                bucket, key = _located(url)
                self._s3.upload_file(str(file), bucket, key, {"ContentType": CONTENT_TYPES[file.suffix]})
            size = {"widthInPx": output.width, "heightInPx": output.height}
            details[index].append({"durationInMs": round(output.seconds * 1000), "videoDetails": size})
        job.details = details


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


def _located(url: str) -> tuple[str, str]:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    emulator: MediaConvertEmulator


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {"Content-Type": "application/json"}
        status: int
        answer: Mapping[str, Any]
        try:
            status, answer = self.server.emulator.answer(self.command, unquote(urlsplit(self.path).path), body)
        except ApiError as error:
            status, answer = error.status, {"message": str(error)}
            headers["x-amzn-ErrorType"] = error.code
        data = json.dumps(answer).encode()
        self.send_response(HTTPStatus(status))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what happened is to be asked of the emulator."""


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
