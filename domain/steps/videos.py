"""videos: transcoded elsewhere while the photos are rendered here, and then given a poster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from domain import keys
from domain.content import FileFormat
from domain.digest import check_sha256
from domain.each import each
from domain.errors import Code, Conflict, MediaError, Permanent, Transient, coded_as
from domain.model import Derivatives, Failure, Job, Size, Source, Transcoding, TranscodingResult
from domain.ports import Attempt, Ports
from domain.rendition_cache import RenditionCache
from domain.renditions import store

Submission = Transcoding | MediaError
"""What was submitted for a video, or why nothing was."""

FRAMES = (1, 0)
"""The captured frames, the better one first: a clip's very first is often black, a short clip has no other."""


def submit(job: Job, sources: Iterable[Source], attempt: Attempt, ports: Ports) -> dict[str, Submission]:
    """Submit a transcoding for each video that has none yet, by raw key.

    What goes wrong is kept for `wait` to raise: the photos of the job have nothing to do with it.
    """

    def one(source: Source) -> Submission:
        attempt.checkpoint()
        return attempt.recall_transcoding(source) or _submit(job, source, attempt, ports)

    unfinished = {source.raw.key: source for source in sources if attempt.recall(source) is None}
    submissions = each(unfinished.values(), one, ports.assets, attempt, Code.VIDEO_PROCESSING_FAILED)
    return {
        source.raw.key: Permanent(submission.message, submission.code)
        if isinstance(submission, Failure)
        else submission
        for source, submission in submissions.items()
    }


def wait(
    job: Job,
    sources: Iterable[Source],
    submissions: Mapping[str, Submission],
    renditions: RenditionCache,
    attempt: Attempt,
    ports: Ports,
) -> dict[Source, Derivatives | Failure]:
    """Wait until the videos are finished, holding nothing meanwhile, and make their posters."""
    videos = list(sources)
    submissions, results = _await(job, videos, submissions, renditions, attempt, ports)

    def one(source: Source) -> Derivatives:
        attempt.checkpoint()
        if derivatives := attempt.recall(source):
            return derivatives
        submission = submissions[source.raw.key]
        if isinstance(submission, MediaError):
            raise submission
        return _finish(source, submission, results.get(submission.id), renditions, attempt, ports)

    return each(videos, one, ports.assets, attempt, Code.VIDEO_PROCESSING_FAILED)


def _submit(job: Job, source: Source, attempt: Attempt, ports: Ports, resubmitted: bool = False) -> Submission:
    try:
        if not resubmitted:
            check_sha256(source, attempt, ports.objects)
        transcoding = ports.transcoder.submit(job, source, resubmitted)
    except MediaError as error:
        return error
    attempt.record_transcoding(transcoding)
    return transcoding


def _await(
    job: Job,
    videos: Iterable[Source],
    submissions: Mapping[str, Submission],
    renditions: RenditionCache,
    attempt: Attempt,
    ports: Ports,
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
    renditions.clear()
    with attempt.idle():
        while waiting and (ended := attempt.wait_for(waiting)):
            for transcoding_id, result in ended.items():
                transcoding = waiting.pop(transcoding_id)
                results[transcoding_id] = result
                if result.curable and not transcoding.resubmitted:
                    again = _submit(job, sources[transcoding.raw_key], attempt, ports, resubmitted=True)
                    latest[transcoding.raw_key] = again
                    if isinstance(again, Transcoding):
                        waiting[again.id] = again
    return latest, results


def _finish(
    source: Source,
    transcoding: Transcoding,
    result: TranscodingResult | None,
    renditions: RenditionCache,
    attempt: Attempt,
    ports: Ports,
) -> Derivatives:
    if result is None:
        raise Transient(
            f"transcoding {transcoding.id} hasn't ended in time; the next attempt goes on waiting for it"
        )
    if not result.done:
        raise Permanent(result.message)
    head = ports.objects.head(source.raw.key)
    if head is None or head.etag != source.etag:
        raise Conflict(f"{source.raw.key} was uploaded again while it was transcoded")
    video = source.derived(Size.ORIGINAL)
    if ports.objects.head(video) is None:
        raise Permanent(f"transcoding {transcoding.id} is complete, but there is no {video}")
    with coded_as(Code.VIDEO_THUMBNAIL_FAILED):
        poster = _poster(source, renditions, attempt, ports)
    ports.objects.mark_processed(source.raw.key)
    made = {Size.ORIGINAL: video, **poster}
    derivatives = Derivatives(
        source.raw.key, source.etag, source.type, made, transcoding.width, transcoding.height
    )
    attempt.record(derivatives)
    return derivatives


def _poster(source: Source, renditions: RenditionCache, attempt: Attempt, ports: Ports) -> Mapping[Size, str]:
    captured = [keys.frame(source.raw, source.etag, number) for number in FRAMES]
    heads = {key: head for key in captured if (head := ports.objects.head(key))}
    if not heads:
        raise Permanent(f"no frame was captured of {source.raw.key}")
    for key in heads:
        ports.objects.mark_work(key)
    best, head = next(iter(heads.items()))
    picture = ports.images.render(b"".join(ports.objects.read(best, head.etag)), FileFormat.JPEG)
    attempt.checkpoint()
    return store(picture, source, renditions, ports)
