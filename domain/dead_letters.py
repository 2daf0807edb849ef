"""The dead-letter queue (DLQ), as the operators' commands see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from domain.queue import ORIGINAL_MESSAGE_ID, Message, check_message_id

MOST_ATTRIBUTES = 10
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html"""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute as its sender gave it; `value` is bytes where its type is binary."""

    type: str
    value: str | bytes


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """A message of the DLQ, with all that it takes to send it again.

    `group` is its message group, if it has one; `source` is the queue that it comes from, if that is another one.
    """

    message: Message
    attributes: Mapping[str, Attribute]
    group: str | None = None
    source: str = ""

    @property
    def id(self) -> str:
        """The id in the DLQ."""
        return self.message.message_id

    @property
    def original_id(self) -> str:
        """The id of its journal and its callbacks: that of its first sending."""
        try:
            return check_message_id(self.message.attributes.get(ORIGINAL_MESSAGE_ID, ""))
        except ValueError:
            return self.id

    @property
    def why_left(self) -> str:
        """Why it can't be sent back as it is; empty where it can."""
        if self.source:
            return f"it comes from another queue, {self.source}: set QUEUE_URL to that one"
        if ORIGINAL_MESSAGE_ID not in self.attributes and len(self.attributes) >= MOST_ATTRIBUTES:
            count = len(self.attributes)
            return f"it has {count} attributes, so that there is no room for {ORIGINAL_MESSAGE_ID}: send it anew"
        return ""

    @property
    def ids(self) -> frozenset[str]:
        return frozenset((self.id, self.original_id))

    def named(self, beginning: str) -> bool:
        """Whether one of its ids begins like this."""
        return any(each.startswith(beginning) for each in self.ids)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a message that was to leave the DLQ: `problem` says why it is still there, if it is."""

    message: DeadMessage
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """A queue's messages, by what it says itself: that may be a minute old."""

    visible: int
    in_flight: int
    delayed: int


Tell = Callable[[Settled], None]


class Look(Protocol):
    """Messages of the DLQ that are in hand.

    `requeue` and `delete` call `tell` of each message when that is over, from several threads; where they are
    broken off, also of what had begun. Of the others they tell nothing.
    """

    @property
    def messages(self) -> Sequence[DeadMessage]:
        """In the order of their sending."""

    def show(self, messages: Iterable[DeadMessage]) -> Sequence[str]:
        """Show messages again before the others; returns what went wrong, which is tried again in the end."""

    def requeue(self, messages: Iterable[DeadMessage], tell: Tell) -> None:
        """Send messages back to their queue, and delete what was sent."""

    def delete(self, messages: Iterable[DeadMessage], tell: Tell) -> None:
        """Delete messages."""


class DeadLetters(Protocol):
    """A queue's DLQ. All methods raise Transient where a queue can't be asked."""

    def counts(self) -> tuple[Counts, Counts]:
        """Of the queue, and of its DLQ."""

    def max_receive_count(self) -> int:
        """At how many receives a message of the queue goes to the DLQ."""

    def look(self) -> AbstractContextManager[Look]:
        """Take every visible message in hand; those that aren't deleted are shown again when the block ends."""
