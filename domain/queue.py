"""The queue, as the worker sees it. The pipeline doesn't touch it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of a message. `receive_count` counts this one; `attributes` are the sender's, strings only."""

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    attributes: Mapping[str, str]


class Queue(Protocol):
    """At-least-once delivery with a visibility timeout and a dead-letter queue."""

    def receive(self, at_most: int, wait: int, visibility_timeout: int) -> Sequence[Message]:
        """Long-poll for 1 to 10 messages, `wait` seconds at most; each is then hidden for the visibility timeout.

        Raises Transient where it can't be asked.
        """

    def delete(self, receipt_handle: str) -> None:
        """Settle a message for good. Raises Transient where that is not known to have happened."""

    def hide(self, receipt_handles: Sequence[str], seconds: int) -> frozenset[str]:
        """Hide up to 10 messages for so long from now (0: show them at once); returns the handles that refused.

        Raises Transient where it is not known to have happened.
        """
