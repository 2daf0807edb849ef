"""Who owns derived keys: the upload that was processed first, for as long as it is there.

A date segment, or a video's extension, is in no derived key, so two uploads may share theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from domain.errors import Code, Conflict, Permanent
from domain.model import Source
from domain.record import upload_of
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


def write_first(run: Run, source: Source, key: str, write: Callable[[bool], Written]) -> Written:
    """Write the first derivative of an upload; `write` takes whether the key must be free.

    Of two jobs side by side whose uploads share their derived keys, one alone comes through here.

    Raises:
        Permanent: VALIDATION_ERROR, where the other one was faster.
    """
    if key not in run.processed:
        try:
            return write(True)
        except Conflict:
            head = run.ports.objects.head(key)
            require_owner(run, source, upload_of(head.metadata) if head else None)
    return write(False)
