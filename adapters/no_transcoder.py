"""The transcoder of a worker without MediaConvert."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.mediaconvert_keys import check_name
from domain.errors import Code, Permanent
from domain.keys import RawKey
from domain.model import Source, Transcoding, TranscodingResult


class NoTranscoder:
    """The `Transcoder` port without MEDIACONVERT_ROLE_ARN: every video fails for good, and says why."""

    def check_name(self, raw: RawKey) -> None:
        check_name(raw)  # what a name may be doesn't depend on how this worker is set up

    def frames(self, source: Source) -> Sequence[str]:
        raise _not_set_up(source.raw.file)

    def submit(self, source: Source, generation: int) -> Transcoding:
        raise _not_set_up(source.raw.file)

    def result(self, transcoding_id: str) -> TranscodingResult | None:
        raise _not_set_up(f"transcoding {transcoding_id}")


def _not_set_up(what: str) -> Permanent:
    return Permanent(f"{what} can't be transcoded: MEDIACONVERT_ROLE_ARN isn't set", Code.VIDEO_PROCESSING_FAILED)
