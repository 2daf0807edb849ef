"""An attempt and ports for a benchmark of one step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

from domain.claims import Claim
from domain.content import FileFormat
from domain.errors import Permanent, Unavailable
from domain.journal import Acknowledged, Journal
from domain.keys import RawKey
from domain.model import Derivatives, Picture, Report, Source, Transcoding, TranscodingResult
from domain.ports import Attempt


class Unused:
    """A port that the step doesn't touch."""

    def check_name(self, raw: RawKey) -> None:
        raise Permanent("unused")

    def frames(self, source: Source) -> list[str]:
        raise Permanent("unused")

    def submit(self, source: Source, generation: int) -> Transcoding:
        raise Permanent("unused")

    def result(self, transcoding_id: str) -> TranscodingResult | None:
        raise Permanent("unused")

    def look(self, source: Source) -> Claim | None:
        raise Permanent("unused")

    def take(self, source: Source, claim: Claim, instead_of: Claim | None) -> Claim:
        raise Permanent("unused")

    def name(self, source: Source, claim: Claim, transcoding: Transcoding) -> None:
        raise Permanent("unused")

    def render(
        self, data: bytes, file_format: FileFormat, job: str, key: str, checkpoint: Callable[[], None]
    ) -> Picture:
        raise Permanent("unused")

    def notify(self, report: Report, attempt: Attempt) -> None:
        raise Permanent("unused")


class Alone:
    """An attempt that nothing interrupts, and its progress."""

    last = False
    first = True

    @property
    def progress(self) -> Alone:
        return self

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, int]]:
        yield {}

    def checkpoint(self) -> None:
        """Go on."""

    def begin_report(self) -> None:
        """Nobody hears of it."""

    def outlast(self, error: Unavailable) -> None:
        raise error

    def load(self) -> Journal:
        return Journal()

    def acknowledge(self, acknowledged: Acknowledged) -> None:
        """Nothing comes after."""

    def recall(self, source: Source) -> Derivatives | None:
        return None

    def record(self, derivatives: Derivatives) -> None:
        """Nothing comes after."""

    def recall_transcoding(self, source: Source) -> Transcoding | None:
        return None

    def record_transcoding(self, transcoding: Transcoding, submitted: bool) -> None:
        """Nothing comes after."""

    @contextmanager
    def idle(self) -> Iterator[None]:
        yield

    def wait_for(self, transcoding_ids: Collection[str]) -> Mapping[str, TranscodingResult]:
        return {}
