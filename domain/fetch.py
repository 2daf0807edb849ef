"""A whole picture from the bucket, within the bytes that all jobs together may hold."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

from domain.run import Run


@contextmanager
def fetched(run: Run, key: str, etag: str, size: int) -> Iterator[bytes]:
    """The object's `size` bytes. The buffer counts them until the block ends, so keep no reference to them."""
    with run.ports.photo_buffer.holding(size, run.attempt.checkpoint):
        whole = io.BytesIO()  # joined chunks would be in memory twice
        for chunk in run.ports.objects.read(key, etag):
            run.attempt.checkpoint()
            whole.write(chunk)
        yield whole.getvalue()
