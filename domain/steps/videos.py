"""videos: transcoded elsewhere while the photos are rendered here, and then given a poster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from domain import keys
from domain.content import FileFormat
from domain.digest import check_sha256
from domain.each import each
from domain.errors import Code, Conflict, MediaError, Permanent, Transient, coded_as
from domain.model import Derivatives, Failure, Size, Source, Transcoding, TranscodingResult
from domain.renditions import store
from domain.run import Run

Submission = Transcoding | MediaError
"""What was submitted for a video, or why nothing was."""

FRAMES = (1, 0)
"""The captured frames, the better one first: a clip's very first is often black, a short clip has no other."""


def submit(run: Run, sources: Iterable[Source]) -> dict[str, Submission]:
    """Submit a transcoding for each video that has none yet, by raw key.

    What goes wrong is kept for `wait` to raise: the photos of the job have nothing to do with it.
    """

    def one(source: Source) -> Submission:
        run.attempt.checkpoint()
        return run.attempt.recall_transcoding(source) or _submit(run, source)

    unfinished = {source.raw.key: source for source in sources if run.attempt.recall(source) is None}
    submissions = each(unfinished.values(), one, run.ports.assets, run.attempt, Code.VIDEO_PROCESSING_FAILED)
    return {
        source.raw.key: Permanent(submission.message, submission.code)
        if isinstance(submission, Failure)
        else submission
        for source, submission in submissions.items()
    }


def wait(
    run: Run, sources: Iterable[Source], submissions: Mapping[str, Submission]
) -> dict[Source, Derivatives | Failure]:
    """Wait until the videos are finished, holding nothing meanwhile, and make their posters."""
    videos = list(sources)
    submissions, results = _await(run, videos, submissions)

    def one(source: Source) -> Derivatives:
        run.attempt.checkpoint()
        if derivatives := run.attempt.recall(source):
            return derivatives
        submission = submissions[source.raw.key]
        if isinstance(submission, MediaError):
            raise submission
        return _finish(run, source, submission, results.get(submission.id))

    return each(videos, one, run.ports.assets, run.attempt, Code.VIDEO_PROCESSING_FAILED)


def _submit(run: Run, source: Source, resubmitted: bool = False) -> Submission:
    try:
        if not resubmitted:
            check_sha256(run, source)
        transcoding = run.ports.transcoder.submit(run.job, source, resubmitted)
    except MediaError as error:
        return error
    run.attempt.record_transcoding(transcoding)
    return transcoding


def _await(
    run: Run, videos: Iterable[Source], submissions: Mapping[str, Submission]
) -> tuple[Mapping[str, Submission], Mapping[str, TranscodingResult]]:
    """The submissions that count in the end, and the results of those that ended in time.

    One that failed in a way that a retry can cure is submitted once more; never twice, it costs money each time.
    """
    sources = {source.raw.key: source for source in videos}
    latest = dict(submissions)
    results: dict[str, TranscodingResult] = {}
    waiting = {submission.id: submission for submission in latest.values() if isinstance(submission, Transcoding)}
    if not waiting:
        return latest, results
    run.renditions.clear()
    with run.attempt.idle():
        while waiting and (ended := run.attempt.wait_for(waiting)):
            for transcoding_id, result in ended.items():
                transcoding = waiting.pop(transcoding_id)
                results[transcoding_id] = result
                if result.curable and not transcoding.resubmitted:
                    again = _submit(run, sources[transcoding.raw_key], resubmitted=True)
                    latest[transcoding.raw_key] = again
                    if isinstance(again, Transcoding):
                        waiting[again.id] = again
    return latest, results


def _finish(run: Run, source: Source, transcoding: Transcoding, result: TranscodingResult | None) -> Derivatives:
    if result is None:
        raise Transient(
            f"transcoding {transcoding.id} hasn't ended in time; the next attempt goes on waiting for it"
        )
    if not result.done:
        raise Permanent(result.message)
    head = run.ports.objects.head(source.raw.key)
    if head is None or head.etag != source.etag:
        raise Conflict(f"{source.raw.key} was uploaded again while it was transcoded")
    video = source.derived(Size.ORIGINAL)
    if run.ports.objects.head(video) is None:
        raise Permanent(f"transcoding {transcoding.id} is complete, but there is no {video}")
    with coded_as(Code.VIDEO_THUMBNAIL_FAILED):
        poster = _poster(run, source)
    run.ports.objects.mark_processed(source.raw.key)
    made = {Size.ORIGINAL: video, **poster}
    derivatives = Derivatives(
        source.raw.key, source.etag, source.type, made, transcoding.width, transcoding.height
    )
    run.attempt.record(derivatives)
    return derivatives


def _poster(run: Run, source: Source) -> Mapping[Size, str]:
    captured = [keys.frame(source.raw, source.etag, number) for number in FRAMES]
    heads = {key: head for key in captured if (head := run.ports.objects.head(key))}
    if not heads:
        raise Permanent(f"no frame was captured of {source.raw.key}")
    for key in heads:
        run.ports.objects.mark_work(key)
    best, head = next(iter(heads.items()))
    picture = run.ports.images.render(b"".join(run.ports.objects.read(best, head.etag)), FileFormat.JPEG)
    run.attempt.checkpoint()
    return store(run, picture, source)
