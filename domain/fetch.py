"""A whole picture from the bucket, within the bytes that all jobs together may hold."""

from __future__ import annotations

from contextlib import AbstractContextManager

from domain.run import Run


def room_for(run: Run, size: int) -> AbstractContextManager[None]:
    """Wait until there is room for a picture of `size` bytes, and keep it until its renditions are stored.

    Its renditions are taken to have no more bytes than itself.
    """
    return run.ports.photo_buffer.holding(size, run.job.sent_as, run.attempt.checkpoint)


def fetch(run: Run, key: str, etag: str) -> bytes:
    """The object's bytes."""
    run.attempt.checkpoint()
    return run.ports.objects.whole(key, etag)
