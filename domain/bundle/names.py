"""The entries that a bundle should have: the members' paths and stamps."""

from __future__ import annotations

from domain import content, keys
from domain.bundle.layout import ArchiveEntry, Stamp
from domain.bundle_paths import BundlePaths, inner_path
from domain.ports import Entry


def new_extension(key: str, first: bytes) -> str | None:
    """The extension of the member's real format by its `first` bytes, where the name doesn't have it."""
    file_format = None if keys.keeps_its_name(key) else content.sniff(first[: content.HEAD_BYTES])
    wrong = file_format is not None and not content.has_extension(key, file_format)
    return file_format.extension if file_format and wrong else None


class Names:
    """Names the members of a bundle, which must come in key order."""

    def __init__(self, listing_id: int) -> None:
        self._listing_id = listing_id
        self._paths = BundlePaths()

    def entry(self, member: Entry, extension: str | None) -> ArchiveEntry:
        """The member's entry, without its CRC-32 and offset; `extension`, where given, takes its own's place."""
        path = self._paths.add(inner_path(member.key, self._listing_id, extension))
        return ArchiveEntry(path, Stamp.of(member.key, member.etag, extension), member.size)
