"""The rendering of images in child processes."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from adapters.decoders.boot import Serving
from adapters.decoders.children import Children
from adapters.decoders.limits import Limits
from adapters.decoders.process import Ended
from adapters.decoders.turns import Asked
from domain.content import FileFormat
from domain.errors import Permanent, Transient
from domain.model import Picture
from domain.ports import DecoderEnd


class Decoders:
    """The `Images` port: each image is rendered in a child process with limits.

    `told` is called with the reason of each child's replacement.
    """

    def __init__(self, serving: Serving, limits: Limits, told: Callable[[DecoderEnd], None]) -> None:
        self._children = Children(serving, limits)
        self._told = told

    def require(self) -> None:
        """Return when a child is ready. Raises Permanent where none can be started."""
        try:
            self._children.use(Asked("start"), lambda: None, lambda _: None)
        except Ended as ended:
            raise Permanent(str(ended)) from ended

    def render(
        self, data: bytes, file_format: FileFormat, job: str, key: str, checkpoint: Callable[[], None]
    ) -> Picture:
        """See the port. A picture whose child is killed from outside is tried once more, alone."""
        alone = False
        while True:
            try:
                return self._children.use(
                    Asked(job, alone), checkpoint, lambda child: child.render(data, file_format)
                )
            except Ended as ended:
                why, reason = str(ended), ended.reason
            structlog.get_logger().warning("a decoder was replaced", key=key, reason=reason, why=why)
            self._told(reason)
            if reason == "not started":
                raise Transient(why)
            if reason == "killed" and not alone:
                alone = True
            else:
                raise Permanent(f"{why}, twice" if alone and reason == "killed" else why)

    def close(self) -> None:
        """End the children."""
        self._children.close()
