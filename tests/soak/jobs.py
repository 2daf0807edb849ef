"""The soak's work: listings with two jobs that race, some of them with what can't be processed."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import Enum, auto

from tests.e2e.world import World, jpeg
from tests.soak.plan import Profile

VIDEO_SIZE = (320, 180)
LARGE = 11 * 1024 * 1024
"""Bytes of a document of which a bundle's parts are copied, not sent."""


class Kind(Enum):
    PHOTO = auto()
    DOCUMENT = auto()
    VIDEO = auto()
    BROKEN = auto()
    MISSING = auto()


@dataclass(frozen=True, slots=True)
class Asset:
    """What was uploaded; `data` of a photo is its size and colour, of a document its bytes."""

    key: str
    kind: Kind
    size: tuple[int, int] = (0, 0)
    colour: tuple[int, int, int] = (0, 0, 0)
    data: bytes = b""

    @property
    def good(self) -> bool:
        return self.kind not in {Kind.BROKEN, Kind.MISSING}


@dataclass(frozen=True, slots=True)
class Sent:
    """A message on the queue; one without a listing names no job. Nobody can delete one that is `kept`."""

    message_id: str
    job_id: int
    listing_id: int
    assets: tuple[Asset, ...]
    kept: bool = False


class Backend:
    """Uploads and enqueues as the backend does, with a seed of its own. `kept` is told which messages are."""

    def __init__(self, world: World, kept: set[str], seed: int, profile: Profile, video: bytes) -> None:
        self._world = world
        self._kept = kept
        self._profile = profile
        self._rng = random.Random(seed + 1)
        self._video = video
        self._listings = 0
        self.sent: list[Sent] = []

    def send_listing(self) -> None:
        """Two jobs of one listing, one right after the other; now and then a message that nobody can read."""
        self._listings += 1
        listing = self._listings
        with_video = listing % self._profile.videos == 0
        first = [self._photo(listing, "a"), self._photo(listing, "b")]
        second = [self._document(listing), self._photo(listing, "c")]
        if listing % self._profile.large == 0:
            first.append(self._large_document(listing))
        if with_video:
            first.append(self._upload(Asset(f"{listing}/raw/video/horizontal/tour.mp4", Kind.VIDEO, VIDEO_SIZE)))
        match self._rng.randrange(self._profile.odd):
            case 0:
                second = [Asset(f"{listing}/raw/photo/horizontal/missing.jpg", Kind.MISSING)]
            case 1:
                second = [self._upload(Asset(f"{listing}/raw/photo/horizontal/broken.jpg", Kind.BROKEN))]
            case 2:
                first.append(self._upload(Asset(f"{listing}/raw/photo/vertical/broken.jpg", Kind.BROKEN)))
            case 3:
                self.sent.append(Sent(self._world.enqueue("no job at all"), 0, 0, ()))
        # Who receives one last tries to delete it for a minute; the queue is to be empty soon after the faults.
        in_time = self._listings * self._profile.listing_every < self._profile.seconds / 2
        kept = self._rng.randrange(self._profile.kept) == 0 and in_time
        self._send(Sent("", 2 * listing, listing, tuple(first), kept))
        self._send(Sent("", 2 * listing + 1, listing, tuple(second)))

    def progress(self) -> str:
        """How many were sent, and how many the backend has acknowledged by now."""
        jobs = {callback.payload["jobId"] for callback in self._world.receiver.acknowledged}
        return f"{len(self.sent)} messages sent, {len(jobs)} jobs acknowledged"

    def _send(self, job: Sent) -> None:
        keys = [asset.key for asset in job.assets]
        body = {"jobId": job.job_id, "listingId": job.listing_id, "assets": keys}
        message_id = self._world.enqueue(body)
        if job.kept:
            self._kept.add(message_id)
        self.sent.append(replace(job, message_id=message_id))

    def _photo(self, listing: int, name: str) -> Asset:
        colour = (self._rng.randrange(256), self._rng.randrange(256), self._rng.randrange(256))
        return self._upload(Asset(f"{listing}/raw/photo/vertical/{name}.jpg", Kind.PHOTO, (900, 1350), colour))

    def _document(self, listing: int) -> Asset:
        data = b"%PDF-1.7 " + self._rng.randbytes(2000)
        return self._upload(Asset(f"{listing}/raw/project/doc/plan.pdf", Kind.DOCUMENT, data=data))

    def _large_document(self, listing: int) -> Asset:
        data = b"%PDF-1.7 " + random.Random(listing).randbytes(LARGE)
        return self._upload(Asset(f"{listing}/raw/project/doc/scan.pdf", Kind.DOCUMENT, data=data))

    def _upload(self, asset: Asset) -> Asset:
        match asset.kind:
            case Kind.PHOTO:
                self._world.upload(asset.key, jpeg(*asset.size, "#{:02x}{:02x}{:02x}".format(*asset.colour)))
            case Kind.DOCUMENT:
                self._world.upload(asset.key, asset.data, "application/pdf")
            case Kind.VIDEO:
                self._world.upload(asset.key, self._video, "video/mp4")
            case Kind.BROKEN:
                self._world.upload(asset.key, jpeg(600, 400)[:300])
        return asset
