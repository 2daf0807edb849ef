"""A job's story, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.dead_letters import DeadMessage
from domain.errors import Code
from domain.journal import Acknowledged, Begun, Ended, Ending, Journal
from domain.kinds import AssetType, Size
from domain.model import Derivatives, Job, Status, Transcoding
from domain.post_mortem import DeadLetter
from domain.queue import Message
from domain.timeline import State, timeline, verdict
from tests.fakes import NOW

LATER = NOW + timedelta(seconds=30)
ENDED = Ended(2, NOW, Ending.TRANSIENT, "a time-out", Code.ZIP_FAILED, "zip")
FAILED = Journal((ENDED,), acknowledged=Acknowledged(Status.PROCESSING_FAILED, LATER))
MUCH_LATER = NOW + timedelta(seconds=60)
TOLD_LAST = replace(FAILED, attempts=(Ended(5, LATER + timedelta(seconds=1), Ending.TRANSIENT, "a time-out"),))
SENT_BACK = replace(TOLD_LAST, begun=(Begun(5, NOW), Begun(2, MUCH_LATER)))
FIRST_ENDED_AGAIN = replace(
    TOLD_LAST, attempts=(*TOLD_LAST.attempts, Ended(1, MUCH_LATER, Ending.TRANSIENT, "a time-out"))
)
DONE = Journal((ENDED,), acknowledged=Acknowledged(Status.SUCCEEDED, LATER))


def letter(journal: Journal) -> DeadLetter:
    return DeadLetter(DeadMessage(Message("m-1", "h", "{}", 5, {}, NOW), {}), Job(21, 28, "m-1"), journal=journal)


@pytest.mark.parametrize(
    ("journals", "letters", "state", "words"),
    [
        ({"m-1": DONE}, [], State.DONE, ["SUCCEEDED", "2026-01-05T12:00:30Z"]),
        ({"m-1": FAILED, "m-2": DONE}, [letter(FAILED)], State.DONE, ["SUCCEEDED"]),
        ({"m-1": FAILED}, [letter(FAILED)], State.FAILED,
         ["in the DLQ", "ZIP_FAILED", "a time-out", "was told PROCESSING_FAILED at 2026-01-05T12:00:30Z"]),
        ({"m-1": Journal((ENDED,))}, [letter(Journal((ENDED,)))], State.FAILED, ["isn't known to have been told"]),
        ({"m-1": FAILED}, [], State.FAILED, ["PROCESSING_FAILED", "in the DLQ no more"]),
        ({"m-1": Journal((ENDED,))}, [], State.NOT_DONE, ["attempt 2 ended at 2026-01-05T12:00:00Z", "a time"]),
        ({"m-1": Journal((ENDED,), begun=(Begun(3, LATER),))}, [], State.NOT_DONE, ["attempt 3 is under way"]),
        ({"m-1": TOLD_LAST}, [], State.FAILED, ["PROCESSING_FAILED", "in the DLQ no more"]),
        ({"m-1": SENT_BACK}, [], State.NOT_DONE,
         ["sent back", "attempt 2 is under way since 2026-01-05T12:01:00Z", "was told PROCESSING_FAILED"]),
        ({"m-1": FIRST_ENDED_AGAIN}, [], State.NOT_DONE, ["sent back", "attempt 1 ended at 2026-01-05T12:01:00Z"]),
        ({"m-1": SENT_BACK}, [letter(SENT_BACK)], State.FAILED, ["in the DLQ"]),
        ({"m-1": FAILED, "m-2": Journal(begun=(Begun(2, MUCH_LATER),))}, [], State.NOT_DONE, ["attempt 2 is"]),
        ({"m-1": FAILED, "m-2": Journal(begun=(Begun(2, NOW),))}, [], State.FAILED, ["PROCESSING_FAILED"]),
        ({}, [], State.UNKNOWN, ["first attempt", "never was sent"]),
    ],
)  # fmt: skip
def test_how_far_a_job_is(
    journals: Mapping[str, Journal], letters: Sequence[DeadLetter], state: State, words: Sequence[str]
) -> None:
    found, why = verdict(journals, letters, 5)
    assert found is state
    assert [word for word in words if word not in why] == []


def test_the_story_is_in_the_order_of_time_and_names_everything() -> None:
    journal = Journal(
        (ENDED,),
        (Derivatives("28/raw/photo/a.jpg", "e", AssetType.PHOTO, {Size.LARGE: "k"}),),
        (Transcoding("28/raw/video/b.mp4", "e", "1-abc", resubmitted=True),),
        begun=(Begun(3, LATER + timedelta(seconds=5)),),
        acknowledged=Acknowledged(Status.PROCESSING_FAILED, LATER),
    )
    events = timeline({"m-1": journal}, [letter(journal)])
    assert [event.what for event in events] == [
        "attempt 2 ended in zip, transient ZIP_FAILED: a time-out",
        "sent to the queue",
        "the backend acknowledged PROCESSING_FAILED",
        "attempt 3 began",
        "transcoding 1-abc, the second one: 28/raw/video/b.mp4",
        "1 derivatives made: 28/raw/photo/a.jpg",
        "is in the DLQ",
    ]
    assert {event.message_id for event in events} == {"m-1"}


def test_a_message_that_was_sent_back_has_one_story_under_its_first_id() -> None:
    dead = DeadMessage(Message("m-9", "h", "{}", 5, {"OriginalMessageId": "m-1"}, NOW), {})
    events = timeline({"m-1": FAILED}, [DeadLetter(dead, Job(21, 28, "m-1"), journal=FAILED)])
    assert {event.message_id for event in events} == {"m-1"}
    assert events[-1].what == "is in the DLQ as m-9"
