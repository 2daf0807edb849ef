"""One transcoding for each version of a video, whoever asks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain import keys
from domain.claims import Claim
from domain.errors import Conflict, Dependency, Permanent, Transient, Unavailable
from domain.kinds import AssetType
from domain.model import Job, Origin, Source, Transcoding, TranscodingResult
from domain.rendition_cache import RenditionCache, RenditionRoom
from domain.run import Run
from domain.transcodings import CLAIM_SECONDS, obtain
from tests.fakes import MP4, FakeAttempt, FakeClaims, FakeObjects, FakeTranscoder, make_ports

KEY = "28/raw/video/vertical/v.mov"
FAILED = TranscodingResult(False, "failed: 1040")
CURABLE = TranscodingResult(False, "failed: 1550", curable=True)


class World:
    def __init__(self) -> None:
        self.objects = FakeObjects()
        self.objects.put(KEY, MP4, "video/mp4")
        self.transcoder = FakeTranscoder(self.objects)
        self.claims = FakeClaims()

    def source(self, key: str = KEY) -> Source:
        stored = self.objects.stored[key]
        return Source(keys.parse_raw(key, 28), AssetType.VIDEO, stored.etag, len(stored.data))

    def obtain(
        self,
        message_id: str = "m-1",
        failed: Transcoding | None = None,
        attempt: FakeAttempt | None = None,
        sent_back_as: str | None = None,
    ) -> Transcoding:
        ports = make_ports(objects=self.objects, transcoder=self.transcoder, claims=self.claims)
        job = Job(21, 28, message_id, sent_back_as=sent_back_as)
        run = Run(job, attempt or FakeAttempt(), ports, RenditionCache(RenditionRoom(0)))
        return obtain(run, self.source(), failed)

    def claim(self) -> Claim:
        claim = self.claims.look(self.source())
        assert claim
        return claim

    def leave_unnamed(self, message_id: str) -> None:
        """As a process leaves it that dies before, or while, it submits."""
        source = self.source()
        self.claims.take(source, Claim(source.origin, 1, message_id), self.claims.look(source))


@pytest.fixture
def world() -> World:
    return World()


def test_the_claim_is_written_before_the_submission_and_names_it_after(world: World) -> None:
    seen: list[Claim] = []
    world.transcoder.before = lambda method: seen.append(world.claim())
    transcoding = world.obtain()
    assert [claim.transcoding for claim in seen] == [None]
    assert world.claim().transcoding == transcoding
    assert world.claim().origin == world.source().origin


def out(at: str) -> Callable[[str], None]:
    """The bucket is out at the claims' method `at`."""

    def before(method: str) -> None:
        if method == at:
            raise Unavailable(method, Dependency.BUCKET)

    return before


def test_a_claim_that_could_not_be_named_is_named_by_the_next_try_and_nothing_is_submitted_twice(
    world: World,
) -> None:
    attempt = FakeAttempt()
    world.claims.before = out("name")
    with pytest.raises(Unavailable):
        world.obtain(attempt=attempt)
    assert world.claim().transcoding is None
    world.claims.before = lambda method: None
    world.claims.age = CLAIM_SECONDS * 10
    submitted = world.obtain(attempt=attempt)
    assert world.claim().transcoding == submitted
    assert len(world.transcoder.submitted) == 1
    assert attempt.progress.transcodings == (submitted,)


def test_a_second_submission_whose_claim_could_not_be_named_is_the_one_that_the_next_try_names(
    world: World,
) -> None:
    attempt = FakeAttempt()
    first = world.obtain(attempt=attempt)
    world.transcoder.results[first.id] = CURABLE
    world.claims.before = out("name")
    with pytest.raises(Unavailable):
        world.obtain(attempt=attempt, failed=first)
    world.claims.before = lambda method: None
    second = world.obtain(attempt=attempt, failed=first)
    assert second.resubmitted
    assert world.claim().transcoding == second
    assert len(world.transcoder.submitted) == 2


def test_the_claim_of_another_message_is_not_named_for_it(world: World) -> None:
    attempt = FakeAttempt()
    ours = world.obtain(attempt=attempt)
    source = world.source()
    world.claims.take(source, Claim(source.origin, 2, "m-2"), world.claim())
    assert world.obtain(attempt=attempt) == ours
    assert world.claim().transcoding is None


def test_any_message_finds_it_and_writes_it_into_its_own_journal(world: World) -> None:
    first = world.obtain("m-1")
    world.transcoder.results[first.id] = None
    attempt = FakeAttempt()
    assert world.obtain("m-2", attempt=attempt) == first
    assert attempt.progress.transcodings == (first,)
    assert len(world.transcoder.submitted) == 1


def test_a_finished_one_serves_as_long_as_what_it_made_is_there(world: World) -> None:
    first = world.obtain("m-1")
    world.transcoder.result(first.id)
    assert world.obtain("m-2") == first
    del world.objects.stored["28/processed/video/vertical/original/v.mp4"]
    assert world.obtain("m-3").id != first.id


def test_one_without_frames_is_submitted_anew(world: World) -> None:
    first = world.obtain("m-1")
    world.transcoder.captured = 0
    world.transcoder.result(first.id)
    assert world.obtain("m-2").id != first.id


def test_a_failure_is_final_for_its_message_and_a_later_one_submits_anew(world: World) -> None:
    first = world.obtain("m-1")
    world.transcoder.results[first.id] = FAILED
    assert world.obtain("m-1") == first, "its journal is lost"
    later = world.obtain("m-2")
    assert later.id != first.id
    assert not later.resubmitted
    assert world.claim().generation == 2


def test_a_curable_failure_is_found_so_that_whoever_waits_submits_it_again(world: World) -> None:
    first = world.obtain("m-1")
    world.transcoder.results[first.id] = CURABLE
    assert world.obtain("m-2") == first


def test_two_that_wait_for_the_same_failure_share_one_resubmission(world: World) -> None:
    first = world.obtain("m-1")
    world.transcoder.results[first.id] = CURABLE
    second = world.obtain("m-1", failed=first)
    assert second.resubmitted
    world.transcoder.results[second.id] = None
    assert world.obtain("m-2", failed=first) == second
    assert len(world.transcoder.submitted) == 2


def test_a_second_failure_of_that_kind_is_final(world: World) -> None:
    first = world.obtain("m-1")
    world.transcoder.results[first.id] = CURABLE
    second = world.obtain("m-1", failed=first)
    world.transcoder.results[second.id] = CURABLE
    assert world.obtain("m-2").id not in {first.id, second.id}


def test_a_young_claim_without_a_transcoding_is_waited_for(world: World) -> None:
    world.leave_unnamed("m-1")
    world.claims.age = CLAIM_SECONDS - 1
    with pytest.raises(Transient, match="about to submit") as waits:
        world.obtain("m-2")
    assert waits.value.retry_after == 1
    assert world.transcoder.submitted == []


def test_an_old_one_is_taken_over(world: World) -> None:
    world.leave_unnamed("m-1")
    world.claims.age = CLAIM_SECONDS
    taken = world.obtain("m-2")
    assert world.claim().message_id == "m-2"
    assert world.claim().transcoding == taken
    assert world.claim().generation == 1, "the same submission: within a minute it is the same job"


def test_the_message_whose_claim_it_is_goes_on_at_once_and_so_does_a_last_receive(world: World) -> None:
    world.leave_unnamed("m-1")
    first = world.obtain("m-1")
    world.leave_unnamed("m-1")
    assert world.obtain("m-2", attempt=FakeAttempt(last=True)) == first


def test_of_two_that_claim_side_by_side_one_comes_back_later(world: World) -> None:
    world.claims.before = lambda method: None if method == "look" else rival()

    def rival() -> None:
        world.claims.before = lambda method: None
        world.leave_unnamed("m-1")

    with pytest.raises(Conflict):
        world.obtain("m-2")
    assert world.transcoder.submitted == []


def test_a_claim_whose_answer_was_lost_is_ours_all_the_same(world: World) -> None:
    def lose_the_answer(method: str) -> None:
        if method == "take":
            world.claims.before = lambda method: None
            world.leave_unnamed("m-1")

    world.claims.before = lose_the_answer
    assert world.obtain("m-1") == world.claim().transcoding


def test_a_claim_to_other_bytes_is_replaced(world: World) -> None:
    first = world.obtain("m-1")
    world.transcoder.results[first.id] = FAILED
    world.obtain("m-2")
    assert world.claim().generation == 2
    world.objects.put(KEY, MP4 + b" again", "video/mp4")
    second = world.obtain("m-3")
    assert second.id != first.id
    assert (world.claim().generation, world.claim().transcoding) == (1, second)


def test_a_claim_of_another_upload_holds_while_that_upload_is_there(world: World) -> None:
    other = world.objects.put("28/raw/video/vertical/v.mp4", MP4 + b" other", "video/mp4")
    source = world.source(other)
    world.claims.take(source, Claim(source.origin, 1, "m-1"), None)
    with pytest.raises(Permanent, match=other):
        world.obtain("m-2")
    del world.objects.stored[other]
    world.obtain("m-2")
    assert world.claim().origin == world.source().origin


def test_a_claim_that_nobody_can_read_is_replaced(world: World) -> None:
    unreadable = Claim(Origin("", "", ""), 0, "")
    world.claims.take(world.source(), unreadable, None)
    assert world.obtain() == world.claim().transcoding
    assert world.claim().origin == world.source().origin


def test_a_video_that_is_refused_for_good_leaves_a_claim_that_its_message_goes_on_with(world: World) -> None:
    def refuse(method: str) -> None:
        raise Permanent("not taken")

    world.transcoder.before = refuse
    with pytest.raises(Permanent):
        world.obtain()
    world.transcoder.before = lambda method: None
    assert world.obtain().id == "t-1"


def test_one_that_failed_is_submitted_once_more_when_its_message_is_sent_back(world: World) -> None:
    attempt = FakeAttempt()  # its progress is what the journal remembers
    first = world.obtain(attempt=attempt)
    world.transcoder.results[first.id] = FAILED
    assert world.obtain(attempt=attempt) == first, "final for the message"
    second = world.obtain(attempt=attempt, sent_back_as="m-2")
    world.transcoder.results[second.id] = FAILED
    assert world.obtain(attempt=attempt, sent_back_as="m-2") == second, "final again"
    third = world.obtain(attempt=attempt, sent_back_as="m-3")
    assert [first.id, second.id, third.id] == ["t-1", "t-2", "t-3"]
    assert (world.claim().generation, world.claim().message_id) == (3, "m-3")


@pytest.mark.parametrize("result", [None, TranscodingResult(True)], ids=["under way", "done"])
def test_one_that_did_not_fail_serves_a_message_that_was_sent_back(
    world: World, result: TranscodingResult | None
) -> None:
    attempt = FakeAttempt()
    first = world.obtain(attempt=attempt)
    world.transcoder.results[first.id] = result
    assert world.obtain(attempt=attempt, sent_back_as="m-2") == first
    assert len(world.transcoder.submitted) == 1


def test_a_process_that_dies_while_it_submits_for_a_message_that_was_sent_back_names_no_failure(
    world: World,
) -> None:
    attempt = FakeAttempt()
    first = world.obtain(attempt=attempt)
    world.transcoder.results[first.id] = FAILED
    claim = world.claim()
    world.claims.take(world.source(), Claim(world.source().origin, 2, "m-2"), claim)
    second = world.obtain(attempt=attempt, sent_back_as="m-2")
    assert second != first
    assert (world.claim().transcoding, world.claim().generation) == (second, 2)
