"""What stands in for MediaConvert where it isn't set up."""

from __future__ import annotations

from domain.errors import Code, Permanent
from domain.model import Product, Source


class NoTranscoder:
    """The `Transcoder` port without MEDIACONVERT_ROLE_ARN: every video fails for good, and says why."""

    def transcode(self, source: Source) -> Product:
        raise Permanent(
            f"{source.raw.file} can't be transcoded: MediaConvert isn't set up", Code.VIDEO_PROCESSING_FAILED
        )
