"""Which build this is: what the image's build arguments say."""

from __future__ import annotations

import os

from worker import __version__


def version() -> str:
    """The build argument, or the code's own version."""
    return os.environ.get("MEDIA_WORKER_VERSION") or __version__


def revision() -> str:
    """The commit that was built; `unknown` outside an image."""
    return os.environ.get("MEDIA_WORKER_REVISION") or "unknown"
