"""MediaConvert's jobs on one machine: run by ffmpeg, from S3 and to S3, through MediaConvert's states."""

from __future__ import annotations

import tempfile
import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from devstack.aws import REGION
from devstack.transcode import CONTENT_TYPES, Made, TranscodeError, source_of, transcode

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CANT_OPEN_INPUT, SERVICE_ERROR = 1404, 1999
ACCOUNT = "000000000000"
SIDE_BY_SIDE = 2


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


class Runner:
    """Runs jobs, two at a time. `jobs` are all there ever were, the oldest first."""

    def __init__(self, s3: S3Client) -> None:
        self._s3 = s3
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE, "transcode")
        self._failures: deque[tuple[int, str]] = deque()
        self.may_end = threading.Event()
        self.may_end.set()
        self.jobs: list[Job] = []

    def fail_next(self, code: int, message: str) -> None:
        """Let the next job that is started end in ERROR."""
        self._failures.append((code, message))

    def start(self, job: Job, settings: Mapping[str, Any]) -> None:
        """Take on a job: `settings` are its request's, in the names of boto3."""
        failure = self._failures.popleft() if self._failures else None
        self.jobs.append(job)
        self._pool.submit(self._run, job, settings, failure)

    def cancel(self, job: Job) -> bool:
        """False where it has ended before."""
        with self._lock:
            under_way = job.status in {"SUBMITTED", "PROGRESSING"}
            if under_way:
                job.status = "CANCELED"
            return under_way

    def close(self) -> None:
        """Start no job any more."""
        self.may_end.set()
        self._pool.shutdown(cancel_futures=True)

    def fetched(self, url: str, folder: Path) -> Path:
        """An object in a file. Raises `ClientError`."""
        bucket, key = _located(url)
        target = folder / "input"
        self._s3.download_file(bucket, key, str(target))
        return target

    def _run(self, job: Job, settings: Mapping[str, Any], failure: tuple[int, str] | None) -> None:
        self._move(job, "PROGRESSING")
        try:
            if failure:
                raise TranscodeError(*failure)
            with tempfile.TemporaryDirectory(prefix="transcode-") as folder:
                made = list(transcode(settings, self.fetched(source_of(settings), Path(folder)), Path(folder)))
                self.may_end.wait()
                if job.status == "PROGRESSING":
                    self._store(job, made, len(settings["OutputGroups"]))
        except TranscodeError as error:
            self.may_end.wait()
            job.error = (error.code, str(error))
            self._move(job, "ERROR")
        except ClientError as error:
            job.error = (CANT_OPEN_INPUT, f"Unable to open input file: {error}")
            self._move(job, "ERROR")
        except Exception as error:  # as MediaConvert has it: a service error
            job.error = (SERVICE_ERROR, repr(error))
            self._move(job, "ERROR")
        else:
            self._move(job, "COMPLETE")

    def _move(self, job: Job, status: str) -> None:
        with self._lock:
            if job.status != "CANCELED":
                job.status = status

    def _store(self, job: Job, made: list[tuple[int, Made]], groups: int) -> None:
        details: list[list[Mapping[str, Any]]] = [[] for _ in range(groups)]
        for index, output in made:
            for file, url in output.files:
                bucket, key = _located(url)
                self._s3.upload_file(str(file), bucket, key, {"ContentType": CONTENT_TYPES[file.suffix]})
            size = {"widthInPx": output.width, "heightInPx": output.height}
            details[index].append({"durationInMs": round(output.seconds * 1000), "videoDetails": size})
        job.details = details


def _located(url: str) -> tuple[str, str]:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key
