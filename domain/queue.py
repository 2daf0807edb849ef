"""The queue, as the worker sees it. The pipeline doesn't touch it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

ORIGINAL_MESSAGE_ID = "OriginalMessageId"
"""The attribute by which a message that was sent back from the DLQ keeps its id."""
_MESSAGE_ID = re.compile("[A-Za-z0-9_-]{1,100}")


def check_message_id(text: str) -> str:
    """Check the text.

    Raises:
        ValueError: it isn't what may name a journal.
    """
    if not _MESSAGE_ID.fullmatch(text):
        raise ValueError("isn't a message id")
    return text


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of a message.

    `receive_count` counts this delivery. `attributes` are the sender's, strings only. `sent_at` is by the queue's
    clock, and None where the queue doesn't say it.
    """

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    attributes: Mapping[str, str]
    sent_at: datetime | None = None


class Queue(Protocol):
    """At-least-once delivery with a visibility timeout and a dead-letter queue."""

    @property
    def largest_batch(self) -> int:
        """The most messages that one call takes."""

    @property
    def max_receive_count(self) -> int:
        """How often a message is received before it goes to the DLQ, as `require` saw it last."""

    def require(self) -> None:
        """Look at the redrive policy, which may change at any time.

        Raises:
            Transient: the queue can't be asked, or has no redrive policy. What was seen before stays.
        """

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
