"""A whole picture from the bucket, within the bytes that all jobs together may hold."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager

from domain.run import Run

AT_ONCE = 16 * 1024 * 1024
"""Bytes that are read without a look at the lease between them: 13 s at 10 Mbit/s."""


def room_for(run: Run, size: int) -> AbstractContextManager[None]:
    """Wait until there is room for a picture of `size` bytes, and keep it until its renditions are stored.

    Its renditions are taken to have no more bytes than itself.
    """
    return run.ports.photo_buffer.holding(size, run.job.sent_as, run.attempt.checkpoint)


def fetch(run: Run, key: str, etag: str, size: int) -> bytes:
    """The object's bytes, `size` of them."""
    run.attempt.checkpoint()
    if size <= AT_ONCE:
        return run.ports.objects.whole(key, etag)
    data = io.BytesIO()  # joined chunks would be in memory twice
    for chunk in run.ports.objects.read(key, etag):
        run.attempt.checkpoint()
        data.write(chunk)
    return data.getvalue()
