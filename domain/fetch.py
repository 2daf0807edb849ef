"""A whole picture from the bucket, within the bytes that all jobs together may hold."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager

from domain.run import Run


def room_for(run: Run, size: int) -> AbstractContextManager[None]:
    """Wait until there is room for a picture of `size` bytes, and keep it until its renditions are stored.

    Its renditions are taken to have no more bytes than itself.
    """
    return run.ports.photo_buffer.holding(size, run.job.sent_as, run.attempt.checkpoint)


def fetch(run: Run, key: str, etag: str) -> bytes:
    """The object's bytes; joined chunks would be in memory twice."""
    whole = io.BytesIO()
    for chunk in run.ports.objects.read(key, etag):
        run.attempt.checkpoint()
        whole.write(chunk)
    return whole.getvalue()
