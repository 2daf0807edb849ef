"""Bundles in memory, for tests."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from domain.bundle.layout import ArchiveEntry, Stamp, directory


def archive(members: Mapping[str, bytes]) -> tuple[list[ArchiveEntry], bytes]:
    """A bundle's entries and bytes; the members' keys are their paths, and their ETags `etag`."""
    entries, data = [], b""
    for path, content in members.items():
        stamp = Stamp.of(path, "etag", None)
        entry = ArchiveEntry(path, stamp, len(content), zlib.crc32(content), len(data))
        entries.append(entry)
        data += entry.header() + content
    return entries, data + directory(entries, len(data))
