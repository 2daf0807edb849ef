"""One transcoding for each version of a video, whichever jobs of the listing ask for it."""

from __future__ import annotations

from dataclasses import replace

from domain.claims import Claim
from domain.errors import Conflict, Transient
from domain.kinds import Size
from domain.model import Source, Transcoding
from domain.owners import require_owner
from domain.record import read_record
from domain.run import Run

CLAIM_SECONDS = 60
"""How old a claim that names no transcoding must be before somebody else takes it over.

For as long the same submission is the same job at MediaConvert:
https://docs.aws.amazon.com/mediaconvert/latest/apireference/jobs.html
"""


def obtain(run: Run, source: Source, failed: Transcoding | None = None) -> Transcoding:
    """The transcoding that this message or the claim to the video knows, or a new one under a claim of ours.

    `failed` is one whose failure another one may not share. Called again after an outage it goes on from there:
    what was submitted is named, and nothing is submitted twice.

    Raises:
        Unavailable: the bucket or MediaConvert may be out.
        Transient: another job is about to submit it.
        Permanent: another upload owns the derivatives (VALIDATION_ERROR), or the video is refused for good.
    """
    claim = run.ports.claims.look(source)
    known = run.attempt.progress.recall_transcoding(source)
    if known and not (failed and known.id == failed.id) and not _failed_before(run, claim, known):
        if claim and claim.transcoding is None and claim.message_id == run.job.sent_as:
            run.ports.claims.name(source, claim, known)
        return known
    if claim and claim.transcoding and _serves(run, source, claim, failed):
        run.attempt.progress.record_transcoding(claim.transcoding, submitted=False)
        return claim.transcoding
    generation = _generation(run, source, claim)
    ours = Claim(source.origin, generation, run.job.sent_as)
    taken = _take(run, source, ours, claim)
    submitted = run.ports.transcoder.submit(source, generation)
    transcoding = replace(submitted, resubmitted=failed is not None, recipe=source.origin.recipe)
    try:
        run.ports.claims.name(source, taken, transcoding)
    finally:
        run.attempt.progress.record_transcoding(transcoding, submitted=True)
    return transcoding


def _failed_before(run: Run, claim: Claim | None, known: Transcoding) -> bool:
    """Whether it failed before the message was sent back from the DLQ: the cause may be mended by now."""
    if run.job.sent_back_as is None:
        return False
    ours = claim is not None and claim.transcoding == known and claim.message_id == run.job.sent_as
    result = None if ours else run.ports.transcoder.result(known.id)
    return result is not None and not result.done


def _serves(run: Run, source: Source, claim: Claim, failed: Transcoding | None) -> bool:
    """Whether the claim's transcoding is of this source, and under way or done, and what it made is there."""
    known = claim.transcoding
    if known is None or claim.origin != source.origin or (failed and known.id == failed.id):
        return False
    result = run.ports.transcoder.result(known.id)
    if result is None:
        return True
    if not result.done:  # final for the message that submitted it; a later one may try again
        return claim.message_id == run.job.sent_as or (result.curable and not known.resubmitted)
    return _made_is_there(run, source)


def _made_is_there(run: Run, source: Source) -> bool:
    """Whether the MP4 and a frame are there, and the MP4 is the one that the record names, if there is one.

    Another one was written later: by somebody, or by a transcoding of older bytes that ended last.
    """
    video = run.ports.objects.head(source.derived(Size.ORIGINAL))
    if video is None or run.ports.objects.head(run.ports.transcoder.frames(source)[0]) is None:
        return False
    poster = run.ports.objects.head(source.derived(source.type.kind.sizes[-1]))
    record = read_record(poster.metadata) if poster else None
    return record is None or record.origin != source.origin or record.others[:1] == (video.etag,)


def _take(run: Run, source: Source, ours: Claim, claim: Claim | None) -> Claim:
    try:
        return run.ports.claims.take(source, ours, claim)
    except Conflict:
        held = run.ports.claims.look(source)
        if held is None or replace(held, age=0, version="") != ours:
            raise
        return held  # it was written, and the answer lost


def _generation(run: Run, source: Source, claim: Claim | None) -> int:
    """The generation to submit: the claim's own where it was submitted by nobody yet, as far as one can know."""
    if claim is None:
        return 1
    if claim.origin.upload != source.raw.key:
        require_owner(run, source, claim.origin.upload)
        return 1
    if claim.origin != source.origin:
        return 1
    if claim.transcoding is not None:
        return claim.generation + 1
    if claim.message_id != run.job.sent_as and claim.age < CLAIM_SECONDS and not run.attempt.last:
        raise Transient(
            f"another job of the listing is about to submit {source.raw.key}",
            retry_after=CLAIM_SECONDS - claim.age,
        )
    return claim.generation
