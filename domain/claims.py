"""The claim to a video: which transcoding its derivatives come from, whichever job submitted it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from domain.model import Origin, Source, Transcoding


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim to the derivatives of one upload, written before its transcoding is submitted and naming it after.

    `generation` counts the transcodings of this version of the upload, from 1. `message_id` is of the message that
    claims. `age` is how many seconds ago it was written, by the bucket's clock; `version` is the claim's own ETag.
    """

    origin: Origin
    generation: int
    message_id: str
    transcoding: Transcoding | None = None
    age: float = 0
    version: str = ""


class Claims(Protocol):
    """Where the claims are kept, one for each key of a video's MP4.

    `look` and `take` raise Transient where a retry can help.
    """

    def look(self, source: Source) -> Claim | None:
        """The claim to the source's derivatives, whoever has it; None where there is none.

        One that can't be read has an empty origin.
        """

    def take(self, source: Source, claim: Claim, instead_of: Claim | None) -> Claim:
        """Write a claim, in the place of the one that was seen; returns it with its version.

        Raises:
            Conflict: another one is there by now.
        """

    def name(self, source: Source, claim: Claim, transcoding: Transcoding) -> None:
        """Write down what was submitted under the claim.

        Any other error than these is logged: the message's journal has the transcoding, too.

        Raises:
            Unavailable: the bucket may be out.
        """
