"""Who owns derived keys: the upload that was processed first, for as long as it is there.

A date segment, or a video's extension, is in no derived key, so two uploads may share theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from domain.errors import Code, Conflict, Permanent
from domain.model import Source
from domain.ports import Holds
from domain.record import etag_of, upload_of
from domain.run import Run

Written = TypeVar("Written")


def require_owner(run: Run, source: Source, upload: str | None) -> None:
    """Check that this source may replace derivatives that were made of `upload` (None or empty: nobody knows).

    Raises:
        Permanent: VALIDATION_ERROR, where that is another upload, and still there.
    """
    if upload and upload != source.raw.key and run.ports.objects.head(upload) is not None:
        raise Permanent(
            f"its derivatives would overwrite those of {upload}: delete that one, or give this one another name",
            Code.VALIDATION_ERROR,
        )


def write_owned(run: Run, source: Source, key: str, write: Callable[[Holds | None], Written]) -> Written:
    """Write a derivative, on the condition that its key holds what the LIST showed when the run began.

    Where it doesn't, a job side by side was faster. If that job processed these very bytes, the derivative is
    written all the same: it is as good.

    Raises:
        Permanent: VALIDATION_ERROR, where the key is another upload's by now.
        Conflict: where another version of the upload was processed, or it isn't known what.
    """
    try:
        return write(Holds(run.processed.get(key)))
    except Conflict:
        head = run.ports.objects.head(key)
        if head is None:
            raise
        upload = upload_of(head.metadata)
        require_owner(run, source, upload)
        if (upload, etag_of(head.metadata)) != (source.raw.key, source.etag):
            raise
    return write(None)
