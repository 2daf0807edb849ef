"""The queue, as the worker sees it. The pipeline doesn't touch it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of a message.

    `receive_count` counts this delivery. `attributes` are the sender's, strings only. `last`: the receive count
    has reached maxReceiveCount, so that the message goes to the DLQ if it isn't deleted now. `sent_at` is by the
    queue's clock, and None where the queue doesn't say it. `before_last`: the next delivery is the last one.
    """

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    attributes: Mapping[str, str]
    last: bool
    sent_at: datetime | None = None
    before_last: bool = False


class Queue(Protocol):
    """At-least-once delivery with a visibility timeout and a dead-letter queue."""

    @property
    def largest_batch(self) -> int:
        """The most messages that one call takes."""

    def receive(self, at_most: int, wait: int, visibility_timeout: int) -> Sequence[Message]:
        """Long-poll for up to `at_most` messages, 1 to `largest_batch`; none if none came.

        The poll takes up to `wait` seconds, or the queue's own limit. Each message is then hidden for the
        visibility timeout (seconds).

        Raises:
            Transient: the queue can't be asked.
        """

    def delete(self, receipt_handle: str) -> None:
        """Delete a message.

        Raises:
            Transient: it is not known whether it happened.
        """

    def change_visibility(self, receipt_handles: Sequence[str], seconds: int) -> frozenset[str]:
        """Hide messages for so long from now, 0 to show them at once; returns the handles that were refused.

        Raises:
            Transient: it is not known whether it happened.
        """
