"""A job's story, and how far it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.dead_letters import DeadMessage
from domain.errors import Code
from domain.journal import Acknowledged, Begun, Ended, Ending, FailedAsset, Journal
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


def test_of_a_partial_success_it_says_which_assets_failed_and_why() -> None:
    broken = FailedAsset("28/raw/photo/b.jpg", Code.VALIDATION_ERROR, "the format is unknown")
    for more, last in ((0, []), (7, ["and 7 more assets failed: the log names each"])):
        told = Acknowledged(Status.PARTIAL_SUCCESS, NOW, (broken,), more)
        assert [event.what for event in timeline({"m-1": Journal(acknowledged=told)}, [])] == [
            "the backend acknowledged PARTIAL_SUCCESS",
            "asset failed, VALIDATION_ERROR: 28/raw/photo/b.jpg: the format is unknown",
            *last,
        ]


def at(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


def failed(number: int, seconds: int, ending: Ending = Ending.TRANSIENT) -> Ended:
    return Ended(number, at(seconds), ending, "a time-out")


BACK = "sent back: its receives are counted anew"
FAILED_TWICE = (failed(1, 10), failed(2, 20))
AGAIN = Journal((*FAILED_TWICE, failed(1, 60)), begun=(Begun(2, at(15)),))
STORIES = {
    "at its second life's first attempt": (AGAIN, ["1 ended", "2 began", "2 ended", BACK, "1 ended"]),
    "whose first attempt left no trace in its first life": (
        Journal((failed(2, 20), failed(1, 60)), begun=(Begun(2, at(15)),)),
        ["2 began", "2 ended", BACK, "1 ended"],
    ),
    "whose first attempt left none in its second one": (
        Journal(FAILED_TWICE, begun=(Begun(2, at(15)), Begun(2, at(60)))),
        ["1 ended", "2 began", "2 ended", BACK, "2 began"],
    ),
    "that goes to the DLQ at its first receive": (
        Journal((failed(1, 10), failed(1, 60)), begun=(Begun(1, at(55)),)),
        ["1 ended", BACK, "1 began", "1 ended"],
    ),
    "three lives": (
        Journal((*FAILED_TWICE, *(failed(1, 60), failed(2, 70)), failed(1, 80, Ending.LEASE_LOST))),
        ["1 ended", "2 ended", BACK, "1 ended", "2 ended", BACK, "1 ended"],
    ),
    "one life, whose lost lease ended late": (
        Journal((failed(2, 20), failed(1, 30, Ending.LEASE_LOST)), begun=(Begun(2, at(15)),)),
        ["2 began", "2 ended", "1 ended"],
    ),
    "one life, of which an end was written twice": (
        Journal((*FAILED_TWICE, failed(2, 20))),
        ["1 ended", "2 ended", "2 ended"],
    ),
    "one life, all at the same time": (
        Journal((failed(1, 0), failed(2, 0)), begun=(Begun(2, NOW), Begun(3, NOW))),
        ["2 began", "3 began", "1 ended", "2 ended"],
    ),
}


@pytest.mark.parametrize(("journal", "story"), STORIES.values(), ids=STORIES)
def test_where_the_receives_are_counted_anew_the_message_was_sent_back(
    journal: Journal, story: Sequence[str]
) -> None:
    events = timeline({"m-1": journal}, [])
    assert [re.sub("attempt |, transient.*|, lease lost.*", "", event.what) for event in events] == story
    assert {event.at for event in events if event.what == BACK} <= {None}, "nobody wrote down when"


def test_a_sending_back_that_the_dlq_knows_is_told_once_with_its_time() -> None:
    dead = DeadMessage(Message("m-9", "h", "{}", 5, {"OriginalMessageId": "m-1"}, at(50)), {})
    twice = replace(AGAIN, attempts=(*AGAIN.attempts, failed(1, 40)))
    for journal, told in ((AGAIN, [at(50)]), (twice, [None, at(50)])):
        events = timeline({"m-1": journal}, [DeadLetter(dead, Job(21, 28, "m-1"), journal=journal)])
        assert [event.at for event in events if event.what.startswith("sent back")] == told
