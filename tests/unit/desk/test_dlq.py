"""The commands on the DLQ, with a fake behind each port."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from adapters.message import parse_message
from domain.dead_letters import Attribute
from domain.errors import Code, Dependency, Transient, Unavailable
from domain.journal import Acknowledged, Ended, Ending, Journal
from domain.model import Status
from tests.fakes import JPEG, NOW, FakeDeadLetters, FakeJournals, FakeObjects
from tests.unit.desk.conftest import Command
from worker.desk import dlq, dlq_settle, job, letters
from worker.desk.wiring import Records

KEY = "28/raw/photo/a.jpg"
BODY = json.dumps({"jobId": 21, "listingId": 28, "assets": [KEY]})


class Place:
    """A DLQ, the journals and the bucket."""

    def __init__(self) -> None:
        self.dead_letters = FakeDeadLetters()
        self.journals = FakeJournals()
        self.objects = FakeObjects()
        self.records = Records(self.dead_letters, self.journals, self.objects, parse_message)

    def bury(self, job: int, journal: Journal | None = None, listing: int = 28) -> str:
        body = {"jobId": job, "listingId": listing, "assets": [f"{listing}/raw/photo/a.jpg"]}
        message_id = self.dead_letters.bury(json.dumps(body))
        if journal:
            self.journals.journals[message_id] = journal
            self.objects.put(f"{listing}/work/{job}/{message_id}.json", b"{}")
        return message_id

    def dead_jobs(self) -> set[int]:
        return {json.loads(dead.message.body)["jobId"] for dead in self.dead_letters.dead}


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUEUE_URL", "http://127.0.0.1:9/0/queue")
    monkeypatch.setenv("MEDIA_BUCKET", "media")
    place = Place()
    for module in (dlq, dlq_settle, job):
        monkeypatch.setattr(module, "records", lambda settings: place.records)
    yield place
    assert not place.dead_letters.looking, "a command has ended and hides messages"


def ended(ending: Ending, code: Code, reason: str = "none of 3 assets could be processed") -> Journal:
    told = Acknowledged(Status.PROCESSING_FAILED, NOW)
    return Journal((Ended(5, NOW, ending, reason, code, "zip"),), acknowledged=told)


TRANSIENT = ended(Ending.TRANSIENT, Code.ZIP_FAILED)
EACH = ("--job", "20", "--job", "21", "--job", "22", "--job", "23")
PERMANENT = ended(Ending.PERMANENT, Code.VALIDATION_ERROR)


@pytest.fixture
def mixed(place: Place) -> Place:
    """Job 20 failed transiently, 21 and 22 for good, 23 left no trace."""
    for number, journal in ((20, TRANSIENT), (21, PERMANENT), (22, PERMANENT), (23, None)):
        place.bury(number, journal)
    return place


def parsed(said: tuple[int, str, str]) -> Any:
    return json.loads(said[1])


def test_ls_counts_by_reason_first_and_then_names_each_message(command: Command, mixed: Place) -> None:
    status, said, error = command("dlq", "ls")
    assert (status, error) == (0, "")
    counts, rows = said.split("\n\n")[1:]
    assert [line.split()[:4] for line in counts.splitlines()[1:]] == [
        ["2", "permanent", "zip", "VALIDATION_ERROR"],
        ["1", "transient", "zip", "ZIP_FAILED"],
        ["1", "none", "-", "-"],
    ]
    assert "none of N assets could be processed" in counts
    assert [line.split()[:3] for line in rows.splitlines()[1:]] == [
        [f"d-{number - 19}", str(number), "28"] for number in (20, 21, 22, 23)
    ]
    assert mixed.dead_jobs() == {20, 21, 22, 23}


@pytest.mark.parametrize(
    ("options", "jobs"),
    [
        ((), [20, 21, 22, 23]),
        (("--code", "ZIP_FAILED"), [20]),
        (("--ending", "permanent"), [21, 22]),
        (("--ending", "none"), [23]),
        (("--listing", "28"), [20, 21, 22, 23]),
        (("--listing", "29"), []),
    ],
)
def test_ls_as_json_names_what_fits(
    command: Command, mixed: Place, options: tuple[str, ...], jobs: list[int]
) -> None:
    found = parsed(command("dlq", "ls", *options, "--json"))
    assert [message["job_id"] for message in found["messages"]] == jobs
    assert sum(cause["count"] for cause in found["causes"]) == len(jobs)
    assert found["looked_at"] == 4


def test_ls_of_an_empty_dlq(command: Command) -> None:
    assert command("dlq", "ls") == (0, "0 messages in the DLQ\n", "")


def test_a_reason_colours_no_terminal_and_forges_no_line(command: Command, place: Place) -> None:
    place.bury(20, ended(Ending.PERMANENT, Code.VALIDATION_ERROR, "\x1b[31mred\nforged  line"))
    _, said, _ = command("dlq", "ls")
    assert "\x1b" not in said
    assert not [line for line in said.splitlines() if line.startswith("forged")]


def test_ls_without_the_bucket_still_names_the_messages_and_says_why(command: Command, mixed: Place) -> None:
    def gone(method: str) -> None:
        raise Unavailable("GET: NoSuchBucket", Dependency.BUCKET)

    mixed.journals.before = gone
    status, said, _ = command("dlq", "ls")
    assert status == 1
    assert "MEDIA_BUCKET" in said
    assert "NoSuchBucket" in said
    assert said.count("d-") == 4


def test_a_bucket_that_is_out_is_asked_no_more(
    command: Command, mixed: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def gone(method: str) -> None:
        asked.append(method)
        raise Unavailable("GET: NoSuchBucket", Dependency.BUCKET)

    mixed.journals.before = gone
    monkeypatch.setattr(letters, "READERS", 1)
    assert command("dlq", "ls")[1].count("NoSuchBucket") > 4
    assert asked == ["load"]


def test_what_the_worker_would_log_is_not_in_the_answer(command: Command, place: Place) -> None:
    place.dead_letters.bury(BODY, {"Traceparent": Attribute("String", "none")})
    assert parsed(command("dlq", "ls", "--json"))["looked_at"] == 1


def test_show_tells_all_that_is_known_of_a_message(command: Command, mixed: Place) -> None:
    mixed.objects.put(KEY, JPEG)
    mixed.objects.put("28/processed/photo/large/a.jpg", JPEG)
    mixed.objects.put("28/processed/zip/28.zip", b"zip")
    status, said, _ = command("dlq", "show", "d-1")
    assert status == 0
    for words in (
        "message d-1: job 20 of listing 28",
        "why: transient, ZIP_FAILED, in zip: none of 3 assets could be processed",
        '"jobId": 20',
        "attempt 5 ended in zip",
        "the backend acknowledged PROCESSING_FAILED",
        f"there 1 of 4 derivatives {KEY}",
        "28/processed/zip/28.zip",
        "listing 1 processed objects of 1 uploads",
    ):
        assert words in re.sub(" +", " ", said)
    found = parsed(command("dlq", "show", "d-1", "--json"))
    assert found["bucket"]["uploads"] == [{"key": KEY, "found": "there", "derivatives": 1, "expected": 4}]


def test_show_says_where_the_bucket_cannot_be_listed(command: Command, mixed: Place) -> None:
    def refuse(method: str, key: str) -> None:
        raise Transient("list: AccessDenied")

    mixed.objects.before = refuse
    status, said, _ = command("dlq", "show", "d-1")
    assert status == 0
    assert "the bucket can't be listed: list: AccessDenied" in said


@pytest.mark.parametrize(
    ("beginning", "words"), [("x", "none of the DLQ's 4"), ("d-", "4 messages begin with d-")]
)
def test_a_message_that_is_not_there_or_not_the_only_one_is_one_line(
    command: Command, mixed: Place, beginning: str, words: str
) -> None:
    status, said, error = command("dlq", "show", beginning)
    assert (status, said) == (1, "")
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        (EACH, {20, 21, 22, 23}),
        (("--code", "VALIDATION_ERROR"), {21, 22}),
        (("--ending", "transient"), {20}),
        (("--ending", "none"), {23}),
        (("--job", "20", "--job", "23"), {20, 23}),
        (("--code", "VALIDATION_ERROR", "--job", "21"), {21}),
        (("--message", "d-3"), {22}),
        (("--message", "d-1", "--message", "d-4"), {20, 23}),
        (("--code", "VALIDATION_ERROR", "--message", "d-1", "--message", "d-2"), {21}),
    ],
)
@pytest.mark.parametrize("words", [("requeue",), ("drop", "--yes")])
def test_only_the_chosen_ones_leave_the_dlq(
    command: Command, mixed: Place, words: tuple[str, ...], options: tuple[str, ...], gone: set[int]
) -> None:
    status, said, _ = command("dlq", *words, *options, "--json")
    assert status == 0
    assert mixed.dead_jobs() == {20, 21, 22, 23} - gone
    assert {json.loads(body)["jobId"] for body, _ in mixed.dead_letters.sent} == (
        gone if words == ("requeue",) else set()
    )
    (named,) = [value for key, value in json.loads(said).items() if key in ("sent_back", "dropped")]
    assert {message["job_id"] for message in named} == gone


@pytest.mark.parametrize("words", ["requeue", "drop"])
@pytest.mark.parametrize("options", [(), ("--all", "--job", "20")])
def test_it_must_be_said_which_ones_are_meant(
    command: Command, mixed: Place, words: str, options: tuple[str, ...]
) -> None:
    status, _, error = command("dlq", words, *options)
    assert status == 2
    assert "--all" in error
    assert mixed.dead_letters.looks == 0


@pytest.mark.parametrize("words", [("requeue",), ("drop", "--yes")])
def test_what_was_not_chosen_is_visible_before_the_others_are_settled(
    command: Command, mixed: Place, words: tuple[str, ...]
) -> None:
    shown: list[set[str]] = []

    def note(message: Any) -> str:
        shown.append({dead.id for dead in mixed.dead_letters.shown})
        return ""

    mixed.dead_letters.refuse = note
    assert command("dlq", *words, "--job", "20")[0] == 0
    assert shown == [{"d-2", "d-3", "d-4"}]


def test_all_of_them_are_sent_back_and_never_dropped(command: Command, mixed: Place) -> None:
    status, _, error = command("dlq", "drop", "--all", "--yes")
    assert (status, "No such option: --all" in error) == (2, True)
    assert parsed(command("dlq", "requeue", "--all", "--json"))["left"] == []
    assert mixed.dead_jobs() == set()


@pytest.mark.parametrize("words", [("requeue",), ("drop", "--yes")])
@pytest.mark.parametrize("options", [("--ending", "none"), ("--ending", "permanent"), ("--code", "ZIP_FAILED")])
def test_a_message_whose_journal_cannot_be_read_is_only_taken_by_name(
    command: Command, mixed: Place, words: tuple[str, ...], options: tuple[str, ...]
) -> None:
    def refuse(method: str) -> None:
        raise Unavailable("GET: AccessDenied", Dependency.BUCKET)

    mixed.journals.before = refuse
    status, said, _ = command("dlq", *words, *options)
    assert status == 1
    assert "0 of 0 chosen messages" in said
    assert "4 of 4 journals can't be read" in said
    assert mixed.dead_jobs() == {20, 21, 22, 23}
    assert command("dlq", *words, "--job", "20")[0] == 1
    assert mixed.dead_jobs() == {21, 22, 23}


@pytest.fixture
def elsewhere(place: Place) -> Place:
    """A DLQ whose journals are in another bucket."""
    for number in (20, 21):
        place.bury(number)
    return place


@pytest.mark.parametrize("words", [("ls",), ("requeue", "--all", "--dry-run")])
def test_a_bucket_that_has_no_journal_at_all_is_doubted(
    command: Command, elsewhere: Place, words: tuple[str, ...]
) -> None:
    doubt = "no journal found for any of 2 messages: is MEDIA_BUCKET right?"
    assert doubt in command("dlq", *words)[1].splitlines()
    assert parsed(command("dlq", *words, "--json"))["notes"] == [doubt]
    elsewhere.bury(22, TRANSIENT)
    assert doubt not in command("dlq", *words)[1]


@pytest.mark.parametrize("agreed", [("--yes",), ()])
def test_nothing_is_dropped_by_a_cause_that_no_journal_tells(
    command: Command, elsewhere: Place, monkeypatch: pytest.MonkeyPatch, agreed: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    status, said, error = command("dlq", "drop", "--ending", "none", *agreed)
    assert (status, said) == (1, "")
    assert error.startswith("media-worker: no journal found for any of 2 messages: is MEDIA_BUCKET right?")
    assert elsewhere.dead_jobs() == {20, 21}
    assert command("dlq", "drop", "--job", "20", "--yes")[0] == 0
    assert elsewhere.dead_jobs() == {21}


def test_a_dry_run_names_them_and_sends_nothing(command: Command, mixed: Place) -> None:
    status, said, _ = command("dlq", "requeue", "--ending", "permanent", "--dry-run")
    assert status == 0
    assert said.startswith("2 of 2 chosen messages would be sent back")
    assert mixed.dead_letters.sent == []
    assert mixed.dead_jobs() == {20, 21, 22, 23}


def test_what_could_not_be_sent_is_told_with_its_reason(command: Command, mixed: Place) -> None:
    mixed.dead_letters.refuse = lambda message: "not sent: InternalError" if message.id == "d-2" else ""
    status, said, _ = command("dlq", "requeue", "--all")
    assert status == 1
    assert said.startswith("3 of 4 chosen messages sent back")
    assert "d-2              not sent: InternalError" in said
    assert mixed.dead_jobs() == {21}


def test_what_was_done_is_told_though_it_is_broken_off(command: Command, mixed: Place) -> None:
    def stop(message: Any) -> str:
        if message.id == "d-3":
            raise KeyboardInterrupt
        return ""

    mixed.dead_letters.refuse = stop
    status, said, error = command("dlq", "drop", *EACH, "--yes", "--json")
    assert (status, error) == (1, "media-worker: interrupted\n")
    found = json.loads(said)
    assert [message["job_id"] for message in found["dropped"]] == [20, 21]
    assert [left["message_id"] for left in found["left"]] == ["d-3", "d-4"]


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_what_is_dropped_is_written_down_before_it_is_deleted(
    command: Command, mixed: Place, capsys: pytest.CaptureFixture[str], as_json: tuple[str, ...]
) -> None:
    said: list[str] = []

    def killed(message: Any) -> str:
        said.append(capsys.readouterr().out)
        raise SystemExit

    mixed.dead_letters.refuse = killed
    with pytest.raises(SystemExit):
        command("dlq", "drop", "--ending", "permanent", "--yes", *as_json)
    assert [f"jobId{quoted}: {job}" in said[0] for quoted in ('"', '\\"') for job in (21, 22)].count(True) == 2
    assert mixed.dead_jobs() == {20, 21, 22, 23}


@pytest.mark.parametrize("end", [signal.SIGHUP, signal.SIGTERM])
def test_a_lost_terminal_is_told_what_was_done_as_ctrl_c_is(
    command: Command, mixed: Place, end: signal.Signals
) -> None:
    def lose(message: Any) -> str:
        if message.id == "d-3":
            signal.raise_signal(end)
            raise AssertionError("it goes on")
        return ""

    before = signal.getsignal(end)
    mixed.dead_letters.refuse = lose
    status, said, error = command("dlq", "drop", "--ending", "permanent", "--yes", "--json")
    assert (status, error) == (1, "media-worker: interrupted\n")
    found = json.loads(said)
    assert [message["message_id"] for message in found["dropped"]] == ["d-2"]
    assert [left["message_id"] for left in found["left"]] == ["d-3"]
    assert set(found["bodies"]) == {"d-2", "d-3"}
    assert signal.getsignal(end) == before


def test_who_has_turned_a_signal_off_keeps_it_off(command: Command, mixed: Place) -> None:
    """As nohup does."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:

        def lose(message: Any) -> str:
            signal.raise_signal(signal.SIGHUP)
            return ""

        mixed.dead_letters.refuse = lose
        assert command("dlq", "drop", "--ending", "permanent", "--yes")[0] == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("words", [("requeue",), ("drop", "--yes")])
def test_a_job_that_is_not_in_the_dlq_is_one_line(command: Command, mixed: Place, words: tuple[str, ...]) -> None:
    status, said, error = command("dlq", *words, "--job", "99")
    assert (status, said) == (1, "")
    assert error == "media-worker: none of the DLQ's 4 messages is of job 99: see dlq ls\n"


@pytest.mark.parametrize("words", [("requeue",), ("requeue", "--dry-run"), ("drop", "--yes")])
@pytest.mark.parametrize("missing", ["d-9", "d-"])
def test_where_a_message_is_not_in_the_dlq_nothing_is_done(
    command: Command, mixed: Place, words: tuple[str, ...], missing: str
) -> None:
    status, said, error = command("dlq", *words, "--message", "d-1", "--message", missing)
    assert (status, said) == (1, "")
    assert error == f"media-worker: none of the DLQ's 4 messages is {missing}: see dlq ls\n"
    assert mixed.dead_jobs() == {20, 21, 22, 23}


@pytest.mark.parametrize("words", [("requeue",), ("drop", "--yes")])
def test_a_message_that_names_no_job_is_taken_by_its_id(
    command: Command, elsewhere: Place, words: tuple[str, ...]
) -> None:
    """Also where no journal tells why any of them is there."""
    elsewhere.dead_letters.bury("no JSON")
    assert command("dlq", *words, "--message", "d-3")[0] == 0
    assert elsewhere.dead_jobs() == {20, 21}


def test_a_message_that_was_sent_back_before_is_taken_by_its_first_id_too(command: Command, mixed: Place) -> None:
    mixed.dead_letters.bury("no JSON", {"OriginalMessageId": Attribute("String", "m-1")})
    sent = parsed(command("dlq", "requeue", "--message", "m-1", "--json"))
    assert [one["message_id"] for one in sent["sent_back"]] == ["d-5"]


def test_nothing_is_dropped_where_nobody_can_confirm_it(command: Command, mixed: Place) -> None:
    status, _, error = command("dlq", "drop", *EACH)
    assert status == 1
    assert "--yes" in error
    assert mixed.dead_jobs() == {20, 21, 22, 23}
    assert mixed.dead_letters.looks == 0


@pytest.mark.parametrize("agrees", [True, False])
def test_a_drop_is_confirmed_while_nothing_is_hidden(
    command: Command, mixed: Place, monkeypatch: pytest.MonkeyPatch, agrees: bool
) -> None:
    def confirm(question: str, **_: object) -> bool:
        assert "2 messages" in question
        assert not mixed.dead_letters.looking
        mixed.bury(24, PERMANENT)  # it comes while the operator thinks
        return agrees

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(typer, "confirm", confirm)
    status, said, error = command("dlq", "drop", "--ending", "permanent")
    if not agrees:
        assert (status, said) == (1, "")
        assert error.endswith("media-worker: nothing was dropped\n")
    else:
        assert status == 0
        assert "\n2 of 2 chosen messages dropped\n" in said
        assert said.count('"jobId"') == 2
    assert mixed.dead_jobs() == ({20, 23, 24} if agrees else {20, 21, 22, 23, 24}), "only what was agreed to"


def test_job_answers_in_its_first_line(command: Command, mixed: Place) -> None:
    done = Journal(acknowledged=Acknowledged(Status.SUCCEEDED, NOW))
    mixed.journals.journals["m-7"] = done
    mixed.objects.put("28/work/40/m-7.json", b"{}")
    status, said, _ = command("job", "28", "40")
    assert status == 0
    assert said.splitlines()[0] == "job 40 of listing 28: done: SUCCEEDED, acknowledged at 2026-01-05T12:00:00Z"


def test_job_of_a_failure_names_its_cause_and_what_is_in_the_bucket(command: Command, mixed: Place) -> None:
    status, said, _ = command("job", "28", "20")
    assert status == 1
    assert said.startswith("job 20 of listing 28: failed: in the DLQ: ZIP_FAILED: none of 3 assets")
    assert "attempt 5 ended in zip" in said
    assert f"missing 0 of 4 derivatives {KEY}" in re.sub(" +", " ", said)
    found = parsed(command("job", "28", "20", "--json"))
    assert (found["state"], found["queue"]) == ("failed", {"visible": 0, "in_flight": 0, "delayed": 0})


def test_a_last_attempt_that_the_look_does_not_find_failed_all_the_same(command: Command, place: Place) -> None:
    """It waits for its way into the DLQ, or another look has it; the backend wasn't told."""
    place.journals.journals["m-7"] = Journal((Ended(5, NOW, Ending.TRANSIENT, "a time-out"),))
    place.objects.put("28/work/40/m-7.json", b"{}")
    status, said, _ = command("job", "28", "40")
    assert status == 1
    assert said.startswith("job 40 of listing 28: failed: attempt 5, the last one, ended at")
    place.journals.journals["m-7"] = Journal((Ended(4, NOW, Ending.TRANSIENT, "a time-out"),))
    assert command("job", "28", "40")[0] == 0


def test_job_has_the_story_of_all_its_messages(command: Command, mixed: Place) -> None:
    for message_id in ("m-7", "m-8"):
        mixed.journals.journals[message_id] = TRANSIENT
        mixed.objects.put(f"28/work/40/{message_id}.json", b"{}")
    found = parsed(command("job", "28", "40", "--json"))
    assert {event["message_id"] for event in found["timeline"]} == {"m-7", "m-8"}


def test_a_job_that_nobody_knows_is_said_to_be_unknown(command: Command, mixed: Place) -> None:
    status, said, _ = command("job", "28", "99")
    assert status == 1
    assert said.startswith("job 99 of listing 28: unknown: ")


def test_job_without_the_bucket_is_one_line(command: Command, mixed: Place) -> None:
    def refuse(method: str, key: str) -> None:
        raise Transient("list: AccessDenied")

    mixed.objects.before = refuse
    status, said, error = command("job", "28", "20")
    assert (status, said) == (1, "")
    assert (
        error
        == "media-worker: the journals can't be read: look at MEDIA_BUCKET and its rights: list: AccessDenied\n"
    )
