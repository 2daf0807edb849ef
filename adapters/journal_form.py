"""The JSON of a journal, as the domain's values and back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from operator import not_
from typing import Annotated, Any, Self, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from domain.errors import Code
from domain.journal import Acknowledged, Begun, Ended, Ending, FailedAsset, Journal
from domain.kinds import AssetType, Size
from domain.model import Derivatives, Facts, Job, Status, Transcoding

VERSION = 2
"""Grows when the form changes so that an older worker, which keeps fields that it doesn't know, would do harm."""


def _escaped(text: object) -> object:
    """A key of a malformed entry may hold what UTF-8 can't; the acknowledgement must be written all the same."""
    return text.encode(errors="backslashreplace").decode() if isinstance(text, str) else text


_Text = Annotated[str, BeforeValidator(_escaped)]


class Damaged(Exception):
    """The data isn't a journal of the message."""


class _Form(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")

    def known(self) -> str:
        """The JSON without the fields that only a newer worker knows."""
        return self.model_dump_json(exclude=self._unknown())

    def _unknown(self) -> dict[str, Any]:
        inner = {name: value._unknown() for name, value in self if isinstance(value, _Form)}
        return {**inner, **dict.fromkeys(self.model_extra or (), True)}


class _Attempt(_Form):
    number: int
    at: datetime
    ending: Ending
    message: str
    code: Code | None
    step: str = ""


class _Facts(_Form):
    bytes: dict[Size, int]
    content_type: str
    dominant_color: str
    thumbhash: str

    def value(self) -> Facts:
        return Facts(self.bytes, self.content_type, self.dominant_color, self.thumbhash)


class _Derivatives(_Form):
    raw_key: str
    etag: str
    type: AssetType
    keys: dict[Size, str]
    width: int | None
    height: int | None
    facts: Annotated[_Facts | None, Field(exclude_if=not_)] = None


class _Transcoding(_Form):
    raw_key: str
    etag: str
    id: str
    width: int | None
    height: int | None
    resubmitted: bool = Field(validation_alias=AliasChoices("resubmitted", "second"))
    recipe: str = "video-1"


class _Begun(_Form):
    number: int
    at: datetime


class _FailedAsset(_Form):
    key: _Text
    code: Code
    reason: _Text


class _Acknowledged(_Form):
    status: Status
    at: datetime
    failed: list[_FailedAsset] = Field([], exclude_if=not_)
    more_failed: int = Field(0, exclude_if=not_)

    def value(self) -> Acknowledged:
        failed = tuple(FailedAsset(f.key, f.code, f.reason) for f in self.failed)
        return Acknowledged(self.status, self.at, failed, self.more_failed)


class _Version(BaseModel):
    version: int = 1


class JournalForm(_Form):
    """A journal as it is written. Version 1 had no `version`, and older names, which are still read."""

    version: int = 1
    message_id: str
    job_id: int | None = None
    listing_id: int | None = None
    unreadable: bool = False
    attempts: list[_Attempt] = []
    derivatives: list[_Derivatives] = Field([], validation_alias=AliasChoices("derivatives", "products"))
    transcodings: list[_Transcoding] = []
    begun: list[_Begun] = []
    acknowledged: _Acknowledged | None = None

    @classmethod
    def read(cls, data: bytes, message_id: str) -> Self:
        """Read the journal of the message; of a newer version nothing is known but that.

        Raises:
            Damaged: it isn't a journal, or another message's.
        """
        try:
            version = _Version.model_validate_json(data).version
            if version > VERSION:
                return cls(version=version, message_id=message_id, unreadable=True)
            form = cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            raise Damaged(f"{'.'.join(map(str, first['loc'])) or 'all of it'}: {first['msg']}") from None
        if form.message_id != message_id:
            raise Damaged("it is another message's")
        return form

    @property
    def newer(self) -> bool:
        return self.version > VERSION

    def journal(self) -> Journal:
        """What it says."""
        return Journal(
            tuple(Ended(a.number, a.at, a.ending, a.message, a.code, a.step) for a in self.attempts),
            tuple(
                Derivatives(
                    d.raw_key, d.etag, d.type, d.keys, d.width, d.height, d.facts.value() if d.facts else None
                )
                for d in self.derivatives
            ),
            tuple(
                Transcoding(t.raw_key, t.etag, t.id, t.width, t.height, t.resubmitted, t.recipe)
                for t in self.transcodings
            ),
            self.unreadable,
            tuple(Begun(b.number, b.at) for b in self.begun),
            self.acknowledged.value() if self.acknowledged else None,
        )

    def with_added(self, job: Job, news: Journal) -> Self:
        """The journal of the job's message with the news added, in this version's form."""
        before = self.journal()
        journal = before.with_added(news)
        acknowledged = self.acknowledged
        if journal.acknowledged != before.acknowledged:
            acknowledged = _Acknowledged.model_validate(journal.acknowledged, from_attributes=True)
        return self.model_copy(
            update={
                "version": VERSION,
                "job_id": job.job_id,
                "listing_id": job.listing_id,
                "attempts": _entries(_Attempt, self.attempts, journal.attempts),
                "derivatives": _entries(_Derivatives, self.derivatives, journal.derivatives),
                "transcodings": _entries(_Transcoding, self.transcodings, journal.transcodings),
                "begun": _entries(_Begun, self.begun, journal.begun),
                "acknowledged": acknowledged,
            }
        )


_Entry = TypeVar("_Entry", bound=_Form)


def _entries(form: type[_Entry], stored: Iterable[_Entry], values: Iterable[object]) -> list[_Entry]:
    """The values in their form; one that is stored already keeps the fields that only a newer worker knows."""
    kept = {entry.known(): entry for entry in stored}
    written = (form.model_validate(value, from_attributes=True) for value in values)
    return [kept.get(entry.known(), entry) for entry in written]
