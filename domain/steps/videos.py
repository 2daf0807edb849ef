"""videos: transcoded elsewhere while the photos are rendered here, and then given a poster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from domain import keys
from domain.content import Medium
from domain.digest import check_sha256
from domain.each import each
from domain.errors import Code, Conflict, MediaError, Permanent, Transient, blame
from domain.model import Failure, Job, Product, Size, Source, Transcoding, Verdict
from domain.ports import Attempt, Ports
from domain.renditions import store
from domain.shelf import Shelf

Order = Transcoding | MediaError
"""What was submitted for a video, or why nothing was."""

FRAMES = (1, 0)
"""The captured frames, the better one first: a clip's very first is often black, a short clip has no other."""


def submit(job: Job, sources: Iterable[Source], attempt: Attempt, ports: Ports) -> dict[str, Order]:
    """Order a transcoding for each video that has none yet, by raw key.

    What goes wrong is kept for `wait` to raise: the photos of the job have nothing to do with it.
    """

    def one(source: Source) -> Order:
        attempt.checkpoint()
        return attempt.recall_transcoding(source) or _order(job, source, attempt, ports)

    unfinished = {source.raw.key: source for source in sources if attempt.recall(source) is None}
    orders = each(unfinished.values(), one, ports.assets, attempt, Code.VIDEO_PROCESSING_FAILED)
    return {
        source.raw.key: Permanent(order.message, order.code) if isinstance(order, Failure) else order
        for source, order in orders.items()
    }


def wait(
    job: Job, sources: Iterable[Source], orders: Mapping[str, Order], shelf: Shelf, attempt: Attempt, ports: Ports
) -> dict[Source, Product | Failure]:
    """Wait until the videos are finished, holding nothing meanwhile, and make their posters."""
    videos = list(sources)
    orders, verdicts = _await(job, videos, orders, shelf, attempt, ports)

    def one(source: Source) -> Product:
        attempt.checkpoint()
        if product := attempt.recall(source):
            return product
        order = orders[source.raw.key]
        if isinstance(order, MediaError):
            raise order
        return _finish(source, order, verdicts.get(order.id), shelf, attempt, ports)

    return each(videos, one, ports.assets, attempt, Code.VIDEO_PROCESSING_FAILED)


def _order(job: Job, source: Source, attempt: Attempt, ports: Ports, second: bool = False) -> Order:
    try:
        if not second:
            check_sha256(source, attempt, ports.objects)
        transcoding = ports.transcoder.submit(job, source, second)
    except MediaError as error:
        return error
    attempt.record_transcoding(transcoding)
    return transcoding


def _await(
    job: Job, videos: Iterable[Source], orders: Mapping[str, Order], shelf: Shelf, attempt: Attempt, ports: Ports
) -> tuple[Mapping[str, Order], Mapping[str, Verdict]]:
    """The orders that count in the end, and the verdicts on those that ended in time.

    One that failed in a way that a retry can cure is ordered once more; never twice, it costs money each time.
    """
    sources = {source.raw.key: source for source in videos}
    latest = dict(orders)
    verdicts: dict[str, Verdict] = {}
    waiting = {order.id: order for order in latest.values() if isinstance(order, Transcoding)}
    if not waiting:
        return latest, verdicts
    shelf.clear()
    with attempt.idle():
        while waiting and (ended := attempt.wait_for(waiting)):
            for transcoding_id, verdict in ended.items():
                order = waiting.pop(transcoding_id)
                verdicts[order.id] = verdict
                if verdict.curable and not order.second:
                    again = _order(job, sources[order.raw_key], attempt, ports, second=True)
                    latest[order.raw_key] = again
                    if isinstance(again, Transcoding):
                        waiting[again.id] = again
    return latest, verdicts


def _finish(
    source: Source, order: Transcoding, verdict: Verdict | None, shelf: Shelf, attempt: Attempt, ports: Ports
) -> Product:
    if verdict is None:
        raise Transient(f"transcoding {order.id} hasn't ended in time; the next attempt goes on waiting for it")
    if not verdict.done:
        raise Permanent(verdict.message)
    head = ports.objects.head(source.raw.key)
    if head is None or head.etag != source.etag:
        raise Conflict(f"{source.raw.key} was uploaded again while it was transcoded")
    video = source.derived(Size.ORIGINAL)
    if ports.objects.head(video) is None:
        raise Permanent(f"transcoding {order.id} is complete, but there is no {video}")
    with blame(Code.VIDEO_THUMBNAIL_FAILED):
        poster = _poster(source, shelf, attempt, ports)
    ports.objects.mark_processed(source.raw.key)
    made = {Size.ORIGINAL: video, **poster}
    product = Product(source.raw.key, source.etag, source.type, made, order.width, order.height)
    attempt.record(product)
    return product


def _poster(source: Source, shelf: Shelf, attempt: Attempt, ports: Ports) -> Mapping[Size, str]:
    captured = [keys.frame(source.raw, source.etag, number) for number in FRAMES]
    heads = {key: head for key in captured if (head := ports.objects.head(key))}
    if not heads:
        raise Permanent(f"no frame was captured of {source.raw.key}")
    for key in heads:
        ports.objects.mark_work(key)
    best, head = next(iter(heads.items()))
    picture = ports.images.render(b"".join(ports.objects.read(best, head.etag)), Medium.JPEG)
    attempt.checkpoint()
    return store(picture, source, shelf, ports)
