"""MediaConvert's rules for the keys of what it writes."""

from __future__ import annotations

from domain import keys
from domain.errors import Code, Permanent
from domain.keys import RawKey
from domain.kinds import Kind
from domain.model import Source

CAPTURES = 2


def check_name(raw: RawKey) -> None:
    """Check that MediaConvert can write derivatives that are named after this upload.

    Raises:
        Permanent: VALIDATION_ERROR, where they can't. A `$` begins an identifier that MediaConvert replaces in a
            destination: https://docs.aws.amazon.com/mediaconvert/latest/ug/list-of-settings-variables-with-examples.html
    """
    if "$" in keys.derived(raw, Kind.VIDEO, "original"):
        why = f"the key {raw.key!r} has a $, which can't be in the name of a video"
        raise Permanent(why, Code.VALIDATION_ERROR)


def frame_keys(source: Source) -> tuple[str, ...]:
    """The keys of the captured frames; MediaConvert numbers them from 0, with seven digits."""
    prefix = keys.frames(source.raw, source.etag)
    return tuple(f"{prefix}.{number:07}.jpg" for number in range(CAPTURES))
