"""videos: submitted to the transcoder before the photos are rendered, awaited and given posters after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain.content import FileFormat
from domain.digest import check_sha256
from domain.each import each
from domain.errors import Code, Conflict, MediaError, Permanent, Transient, Unavailable, coded_as
from domain.fetch import fetch, room_for
from domain.kinds import Kind, Size
from domain.model import Derivatives, Failure, Source, Transcoding, TranscodingResult
from domain.record import Record
from domain.renditions import store
from domain.run import Run
from domain.transcodings import obtain


@dataclass(frozen=True, slots=True)
class Submission:
    """A video's transcoding and, once that has ended, its result; or the error for which nothing was submitted.

    `instead_of` is the transcoding that failed and should have been submitted again.
    """

    transcoding: Transcoding | None = None
    result: TranscodingResult | None = None
    error: MediaError | None = None
    instead_of: Transcoding | None = None

    @property
    def put_off(self) -> bool:
        """Whether it can be submitted, or named in its claim, when an outage is over."""
        return isinstance(self.error, Unavailable)

    def finished(self) -> Transcoding:
        """The transcoding, where it is done.

        Raises:
            Transient, Permanent: nothing was submitted, or the transcoding failed or hasn't ended in time.
        """
        if self.transcoding is None:
            raise self.error or Transient("nothing was submitted")
        if self.result is None:
            raise Transient(f"transcoding {self.transcoding.id} hasn't ended in time")
        if not self.result.done:
            raise Permanent(self.result.message)
        return self.transcoding


Submissions = Mapping[str, Submission | Failure]
"""By raw key; a Failure is of a video that isn't tried again."""


def submit(run: Run, sources: Iterable[Source]) -> Submissions:
    """Submit a transcoding for each video that has none yet, and name it in its claim.

    What goes wrong is kept for `wait` to raise, or to outlast: the photos of the job have nothing to do with it.
    """

    def one(source: Source) -> Submission:
        run.attempt.checkpoint()
        return _submit(run, source)

    unfinished = {source.raw.key: source for source in sources if run.attempt.progress.recall(source) is None}
    submitted = each(unfinished.values(), one, run.ports.assets, run, Kind.VIDEO.code)
    return {source.raw.key: submission for source, submission in submitted.items()}


def wait(run: Run, sources: Iterable[Source], submissions: Submissions) -> dict[Source, Derivatives | Failure]:
    """Wait until the transcodings have ended, without a place among the jobs, and make the posters."""
    videos = list(sources)
    ended = _await(run, videos, _submit_put_off(run, videos, submissions))
    while any(isinstance(one, Submission) and one.put_off for one in ended.values()):
        ended = _await(run, videos, _submit_put_off(run, videos, ended))

    def one(source: Source) -> Derivatives | Failure:
        run.attempt.checkpoint()
        if derivatives := run.attempt.progress.recall(source):
            return derivatives
        submission = ended[source.raw.key]
        return submission if isinstance(submission, Failure) else _finish(run, source, submission)

    return each(videos, one, run.ports.assets, run, Kind.VIDEO.code)


def _submit(run: Run, source: Source, failed: Transcoding | None = None) -> Submission:
    try:
        return _obtain(run, source, failed)
    except Unavailable as error:
        return Submission(error=error.forgetting(), instead_of=failed)


def _submit_put_off(run: Run, videos: Iterable[Source], submissions: Submissions) -> Submissions:
    """Submit, or name, what couldn't be while MediaConvert or the bucket was out, waiting until it can be."""
    put_off = {
        source: submission
        for source in videos
        if isinstance(submission := submissions.get(source.raw.key), Submission) and submission.put_off
    }

    def one(source: Source) -> Submission:
        run.attempt.checkpoint()
        return _obtain(run, source, put_off[source].instead_of)

    submitted = each(put_off, one, run.ports.assets, run, Kind.VIDEO.code)
    return {**submissions, **{source.raw.key: submission for source, submission in submitted.items()}}


def _obtain(run: Run, source: Source, failed: Transcoding | None) -> Submission:
    try:
        if run.attempt.progress.recall_transcoding(source) is None:
            check_sha256(run, source)
        return Submission(obtain(run, source, failed))
    except Unavailable:
        raise
    except MediaError as error:
        return Submission(error=error)


def _await(run: Run, videos: Iterable[Source], submissions: Submissions) -> Submissions:
    """Wait for the transcodings; returns the latest submission of each video, with its result if it ended in time.

    A transcoding that failed in a way that a retry can cure is submitted once more; never twice, it costs money
    each time.
    """
    sources = {source.raw.key: source for source in videos}
    latest = dict(submissions)
    known = [submission.transcoding for submission in latest.values() if isinstance(submission, Submission)]
    waiting = {transcoding.id: transcoding for transcoding in known if transcoding}
    if not waiting:
        return latest
    run.renditions.clear()
    with run.attempt.idle():
        while waiting and (ended := run.attempt.wait_for(waiting)):
            for transcoding_id, result in ended.items():
                transcoding = waiting.pop(transcoding_id)
                submission = Submission(transcoding, result)
                if result.curable and not transcoding.resubmitted:
                    submission = _submit(run, sources[transcoding.raw_key], failed=transcoding)
                    if submission.transcoding:
                        waiting[submission.transcoding.id] = submission.transcoding
                latest[transcoding.raw_key] = submission
    return latest


def _finish(run: Run, source: Source, submission: Submission) -> Derivatives:
    transcoding = submission.finished()
    upload = run.ports.objects.head(source.raw.key)
    if upload is None or upload.etag != source.etag:  # the MP4 may be another one's by now
        raise Conflict(f"{source.raw.key} was uploaded again while it was transcoded")
    video = source.derived(Size.ORIGINAL)
    head = run.ports.objects.head(video)
    if head is None:
        raise Permanent(f"transcoding {transcoding.id} is complete, but there is no {video}")
    width, height = transcoding.width, transcoding.height
    with coded_as(Code.VIDEO_THUMBNAIL_FAILED):
        poster = _poster(run, source, Record(source.origin, (head.etag,), width, height, source.sha256))
    made = {Size.ORIGINAL: video, **poster}
    derivatives = Derivatives(source.raw.key, source.etag, source.type, made, width, height)
    run.attempt.progress.record(derivatives)
    return derivatives


def _poster(run: Run, source: Source, record: Record) -> Mapping[Size, str]:
    frames = run.ports.transcoder.frames(source)
    heads = {key: head for key in frames if (head := run.ports.objects.head(key))}
    if not heads:
        raise Permanent(f"no frame was captured of {source.raw.key}")
    for key in heads:
        run.ports.objects.mark_work(key)
    latest, head = list(heads.items())[-1]  # a clip's very first frame is often black
    with room_for(run, head.size):
        frame = fetch(run, latest, head.etag, head.size)
        picture = run.ports.images.render(
            frame, FileFormat.JPEG, run.job.sent_as, source.raw.key, run.attempt.checkpoint
        )
        del frame
        run.attempt.checkpoint()
        return store(run, picture, source, record)
