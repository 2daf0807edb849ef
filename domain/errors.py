"""The errors of the domain. The class says what to do, the code says what happened.

Exception
├── MediaError            a failure of an asset or of the job; may carry a Code
│   ├── Transient         a retry can cure it
│   │   ├── Unavailable   what all jobs depend on doesn't answer as it should: an outage, if others fail, too
│   │   ├── Conflict      the object changed between being read and being written or read again
│   │   └── TimedOut      the attempt took longer than JOB_TIMEOUT
│   └── Permanent         a retry can't: what it is about is wrong and stays wrong
│       ├── NotFound      the object isn't there
│       ├── Archived      the object has to be restored before it can be read
│       ├── Malformed     the message isn't what the contract says
│       └── NothingProcessed  no asset came through; carries the report
└── Interrupted           not a failure: this process may not go on with the job
    ├── LeaseLost         another worker may have the message by now
    ├── Stopped           the process is shutting down
    └── AlreadyAcknowledged  the job is done, and its message is left to be deleted
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

LONGEST_TEXT = 1024
"""Characters of a text in callback and log: most of them quote what comes from outside."""


class Code(StrEnum):
    """What the backend and the operators read: the contract's error codes."""

    VALIDATION_ERROR = "VALIDATION_ERROR"
    THUMBNAIL_PROCESSING_FAILED = "THUMBNAIL_PROCESSING_FAILED"
    VIDEO_PROCESSING_FAILED = "VIDEO_PROCESSING_FAILED"
    VIDEO_THUMBNAIL_FAILED = "VIDEO_THUMBNAIL_FAILED"
    DOCUMENT_PROCESSING_FAILED = "DOCUMENT_PROCESSING_FAILED"
    ZIP_FAILED = "ZIP_FAILED"
    POISON_MESSAGE = "POISON_MESSAGE"
    PROCESSING_FAILED = "PROCESSING_FAILED"


def excerpt(text: str) -> str:
    """The text, cut where it is longer than LONGEST_TEXT."""
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


class MediaError(Exception):
    """A failure whose message tells its reader what to do; `code` is None where the step decides it."""

    def __init__(self, message: str, code: Code | None = None) -> None:
        super().__init__(excerpt(message))
        self.code = code


class Transient(MediaError):
    """A retry can cure this. `retry_after` (seconds) is the least delay the other side asked for."""

    def __init__(self, message: str, code: Code | None = None, retry_after: float = 0) -> None:
        super().__init__(message, code)
        self.retry_after = retry_after


class Dependency(StrEnum):
    """What jobs depend on, each of which may be out by itself."""

    BUCKET = "bucket"
    BACKEND = "backend"
    MEDIACONVERT = "mediaconvert"


class Unavailable(Transient):
    """A dependency failed in a way that may be everybody's trouble, not this job's.

    `of` is the dependency; `operation` is what it was asked to do, empty where nothing of it can be reached.
    `evident`: one failure is enough to call it an outage, because its kind (throttling, a time-out, expired
    credentials) is never about one job. `again`: the very same thing failed so before, and was tried again.
    """

    def __init__(
        self, message: str, of: Dependency, operation: str = "", evident: bool = True, retry_after: float = 0
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.of = of
        self.operation = operation
        self.evident = evident
        self.again = False

    def forgetting(self) -> Unavailable:
        """The same error without its traceback, whose frames hold the pictures that were in hand."""
        self.__traceback__ = self.__cause__ = self.__context__ = None
        return self


class Conflict(Transient):
    """The object is no longer the one whose ETag was named (HTTP 412 or 409)."""


class CannotCopy(Transient):
    """The bucket can't copy a part by itself, or doesn't tell its CRC-32: its bytes have to be moved."""


class TimedOut(Transient):
    """The attempt outlived JOB_TIMEOUT."""


class Permanent(MediaError):
    """A retry can't cure this."""


class NotFound(Permanent):
    """The object isn't in the bucket."""


class Archived(Permanent):
    """The object is in an archive, from which it must be restored before it can be read."""


class Interrupted(Exception):
    """This process may not go on with the job. It is no failure of the job."""


class LeaseLost(Interrupted):
    """The message's visibility timeout ran out, or somebody else settled it."""


class Stopped(Interrupted):
    """The process is shutting down and this attempt ends; the message goes back to the queue."""


@contextmanager
def coded_as(code: Code) -> Iterator[None]:
    """Give the code to a MediaError that leaves the block without one."""
    try:
        yield
    except MediaError as error:
        error.code = error.code or code
        raise
