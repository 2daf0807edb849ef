"""The paths inside a bundle, such that it can be unpacked on Linux, macOS and Windows alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import count

from domain import keys

NAMING = 2
"""The version of these rules: a bundle that was named by others is built again.

What `content` takes for a wrong extension belongs to them: what a bundle holds keeps its name, and isn't read.
"""
MAX_SEGMENT_BYTES = 255
"""The longest name of ext4 and APFS; NTFS takes 255 UTF-16 units, which are never more than the bytes."""
LONGEST_EXTENSION = 32
"""In bytes, with its dot: what follows the last dot of a sentence is no extension."""

_REFUSED = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff<>:"|?*\\]')
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file; with any extension, and spaces before it
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[1-9¹²³]) *(\..*)?", re.IGNORECASE)


def inner_path(key: str, listing_id: int, extension: str | None) -> str:
    """The path that an upload or a processed object should have: no listing, no date, no dot segments.

    `extension` (with its dot) replaces the name's own, where given.
    """
    path = key.removeprefix(keys.processed_prefix(listing_id)).removeprefix(keys.raw_prefix(listing_id))
    *folders, file = path.split("/")
    segments = [s for s in (*keys.undated(folders), file) if s not in ("", ".", "..")] or ["unnamed"]
    if extension is not None:
        segments[-1] = keys.stem(segments[-1]) + extension
    return "/".join(segments)


class BundlePaths:
    """Gives the members of one bundle their paths: the same members in the same order get the same ones.

    No path is that of another member or of a folder, and no folder that of a member, also where neither case nor
    Unicode form counts; each segment is legal on Windows. A path that is all this already stays as it is.
    """

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def add(self, path: str) -> str:
        """The path of the next member, which should have this one."""
        *folders, file = map(_legal, path.split("/"))
        within = ""
        for folder in folders:
            within = _free(within, folder, self._files)
            self._folders.add(_folded(within))
            within += "/"
        free = _free(within, file, self._files, self._folders)
        self._files.add(_folded(free))
        return free


def _free(within: str, segment: str, *taken: set[str]) -> str:
    candidates = (within + candidate for candidate in _numbered(segment))
    return next(path for path in candidates if not any(_folded(path) in others for others in taken))


def _folded(path: str) -> str:
    """The same text for all paths that macOS or Windows takes for one.

    It is Unicode's canonical caseless matching. APFS compares so; NTFS keeps a few of them apart, and there a
    number too many does no harm.
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def _legal(segment: str) -> str:
    legal = _without_trailing(_REFUSED.sub("_", segment))
    return f"_{legal}" if _RESERVED.fullmatch(legal) else legal


def _without_trailing(name: str) -> str:
    """The name, its last character an underscore where Windows would drop it."""
    return name[:-1] + "_" if name.endswith((".", " ")) else name


def _numbered(segment: str) -> Iterator[str]:
    """`a.jpg` itself, then `a-2.jpg`, `a-3.jpg`, …, none longer than a name may be."""
    stem = keys.stem(segment)
    extension = segment[len(stem) :]
    if len(extension.encode()) > LONGEST_EXTENSION:
        stem, extension = segment, ""
    yield _joined(stem, extension)
    for number in count(2):
        yield _joined(stem, f"-{number}{extension}")


def _joined(stem: str, ending: str) -> str:
    room = MAX_SEGMENT_BYTES - len(ending.encode())
    if len(stem.encode()) > room:
        stem = _without_trailing(stem.encode()[:room].decode(errors="ignore"))
    return stem + ending
