"""The queue, as the worker sees it. The pipeline doesn't touch it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of a message.

    `receive_count` counts this delivery. `attributes` are the sender's, strings only. `last` says that the queue
    moves the message to its DLQ instead of delivering it once more.
    """

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    attributes: Mapping[str, str]
    last: bool = False


class Queue(Protocol):
    """At-least-once delivery with a visibility timeout and a dead-letter queue."""

    @property
    def largest_batch(self) -> int:
        """The most messages that one call receives or hides."""

    def receive(self, at_most: int, wait: int, visibility_timeout: int) -> Sequence[Message]:
        """Long-poll for 1 to `at_most` messages, which is no more than `largest_batch`.

        The poll takes `wait` seconds, or as long as the queue allows. Each message is then hidden for the
        visibility timeout (seconds).

        Raises:
            Transient: the queue can't be asked.
        """

    def delete(self, receipt_handle: str) -> None:
        """Settle a message for good.

        Raises:
            Transient: it is not known whether it happened.
        """

    def hide(self, receipt_handles: Sequence[str], seconds: int) -> frozenset[str]:
        """Hide messages for so long from now, 0 to show them at once; returns the handles that were refused.

        Raises:
            Transient: it is not known whether it happened.
        """
