"""What of a bundle changed since the last one was written, as a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from domain import keys
from domain.bundle.directory import held
from domain.bundle.layout import ArchiveEntry, digest
from domain.bundle.names import Names, new_extension
from domain.bundle.plan import PartSizes, Plan, Stretch, draw_up
from domain.bundle.reading import read_ahead
from domain.content import HEAD_BYTES
from domain.ports import Entry
from domain.run import Run


def changes(run: Run, members: Sequence[Entry], old: Entry | None, sizes: PartSizes) -> Plan | None:
    """The plan by which the `old` bundle becomes one of these members; None where it has nothing to copy."""
    entries = held(run.ports.objects, old) if old and old.size >= sizes.least else []
    if not entries and all(member.size < sizes.least for member in members):
        return None
    extensions = _extensions(run, members, entries)
    names = Names(run.job.listing_id)
    wanted = [names.entry(member, extensions[member.key]) for member in members]
    return draw_up(members, wanted, old, entries, sizes)


def _extensions(run: Run, members: Sequence[Entry], entries: Iterable[ArchiveEntry]) -> Mapping[str, str | None]:
    """The members' new extensions by key; of what isn't in the old bundle, the first bytes tell them."""
    known = {(entry.stamp.digest, entry.stamp.etag): entry.stamp.extension or None for entry in entries}
    extensions: dict[str, str | None] = {}
    unknown = []
    for member in members:
        stamped = (digest(member.key), member.etag)
        if stamped in known or keys.keeps_its_name(member.key):
            extensions[member.key] = known.get(stamped)
        else:
            unknown.append(member)
    heads = read_ahead(run, (Stretch(member, range(min(member.size, HEAD_BYTES))) for member in unknown))
    for member, chunks in zip(unknown, heads, strict=True):
        extensions[member.key] = new_extension(member.key, b"".join(chunks))
    return extensions
