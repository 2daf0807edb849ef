"""The queue's DLQ, in SQS."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from adapters.aws_errors import errors_mapped
from adapters.dead_letter_look import HOW_TO, Sending, SqsLook
from adapters.redrive_policy import redrive_policy
from domain.dead_letters import Counts
from domain.errors import Transient

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SHORTEST_HOLD = 60
MESSAGES_A_SECOND = 50
"""How many are looked at, at least: a message is hidden for as long as the look at all of them may take."""


class SqsDeadLetters:
    """The `DeadLetters` port on the DLQ that the queue's redrive policy names.

    A look receives until every thread has had an empty long poll, which asks all of SQS's servers. Each message
    stays hidden meanwhile, by one receive of its own, so that none is seen twice. If the process is killed, it
    shows itself again when its visibility timeout ends: that is bounded by the time a look may take.
    """

    def __init__(
        self, client: SQSClient, once: SQSClient, queue_url: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`once` is a client that doesn't try again: a second try might send a message twice."""
        self._sqs = client
        self._once = once
        self._queue_url = queue_url
        self._clock = clock
        self._found: tuple[str, str, int] | None = None

    def counts(self) -> tuple[Counts, Counts]:
        dlq_url, *_ = self._dlq()
        return self._counts(self._queue_url), self._counts(dlq_url)

    def max_receive_count(self) -> int:
        return self._dlq()[2]

    @contextmanager
    def look(self) -> Iterator[SqsLook]:
        dlq_url, queue_arn, _ = self._dlq()
        hold = SHORTEST_HOLD + self._counts(dlq_url).visible // MESSAGES_A_SECOND
        until = self._clock() + hold
        sending = Sending(self._once, self._queue_url, queue_arn)
        look = SqsLook(self._sqs, sending, dlq_url, lambda: self._clock() > until)
        try:
            look.take_in_hand(hold)
            yield look
        finally:
            look.show_again()

    def _dlq(self) -> tuple[str, str, int]:
        """The DLQ's URL, the queue's ARN, and at how many receives a message goes from it to the DLQ."""
        if self._found is None:
            self._found = self._find()
        return self._found

    def _find(self) -> tuple[str, str, int]:
        with errors_mapped(f"the queue {self._queue_url} can't be asked; {HOW_TO}"):
            answer = self._sqs.get_queue_attributes(
                QueueUrl=self._queue_url, AttributeNames=["RedrivePolicy", "QueueArn"]
            )
        attributes = answer.get("Attributes", {})
        policy = redrive_policy(attributes)
        if policy is None:
            raise Transient(f"the queue {self._queue_url} has no redrive policy, and so no DLQ: set one")
        arn = policy.dead_letters
        *_, account, name = arn.split(":")
        if name.endswith(".fifo"):
            raise Transient(f"the DLQ {arn} is a FIFO queue, which media-worker doesn't serve")
        with errors_mapped(f"the DLQ {arn}, which the redrive policy names, can't be found; {HOW_TO}"):
            url = self._sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
        return url, attributes["QueueArn"], policy.max_receive_count

    def _counts(self, url: str) -> Counts:
        with errors_mapped(f"the queue {url} can't be asked; {HOW_TO}"):
            answer = self._sqs.get_queue_attributes(
                QueueUrl=url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesNotVisible",
                    "ApproximateNumberOfMessagesDelayed",
                ],
            )
        told = answer["Attributes"]
        return Counts(
            int(told["ApproximateNumberOfMessages"]),
            int(told["ApproximateNumberOfMessagesNotVisible"]),
            int(told["ApproximateNumberOfMessagesDelayed"]),
        )
