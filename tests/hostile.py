"""A renderer of which a picture may ask, in bytes after its end, what no check before decoding knows."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import struct
import time
from contextlib import suppress
from pathlib import Path

from adapters.pictures.pillow import PillowImages
from domain.content import FileFormat
from domain.errors import Permanent
from domain.kinds import Size
from domain.model import Picture, Rendition

MARK = b"\nhostile: "
MIB = 1024 * 1024


def hostile(data: bytes, deed: str) -> bytes:
    """The picture with this request: the name of a method below, and its argument after a space."""
    return data + MARK + deed.encode()


class Hostile:
    """Renders as Pillow does, but for what a picture asks for."""

    def __init__(self, max_pixels: int) -> None:
        self._images = PillowImages(max_pixels)

    def render(self, data: bytes, file_format: FileFormat) -> Picture:
        deed, _, argument = data.partition(MARK)[2].decode().partition(" ")
        picture = getattr(self, deed)(argument) if deed else None
        return picture or self._images.render(data, file_format)

    def hang(self, _: str) -> None:
        """As C code does that never ends, and takes a CPU. PyDLL holds the GIL."""
        while True:
            ctypes.PyDLL(None).usleep(0)

    def nap(self, seconds: str) -> None:
        time.sleep(float(seconds))

    def abort(self, _: str) -> None:
        os.abort()

    def exit(self, status: str) -> None:
        os._exit(int(status))

    def swell(self, _: str) -> None:
        kept = []
        while True:
            kept.append(b"x" * MIB)

    def swell_and_blame_the_file(self, mebibytes: str) -> None:
        """As a decoder does whose malloc fails: it says that the file is damaged."""
        kept = b"x" * (int(mebibytes) * MIB)
        raise Permanent(f"a broken data stream after {len(kept)} bytes")

    def swell_and_recover(self, mebibytes: str) -> None:
        len(b"x" * (int(mebibytes) * MIB))

    def bloat(self, mebibytes: str) -> Picture:
        rendition = Rendition(Size.LARGE, bytes(int(mebibytes) * MIB), FileFormat.PNG)
        return Picture(1, 1, (rendition,), "#000000", "")

    def chatter(self, _: str) -> None:
        """To both standard streams, as C code does: past Python's own."""
        for number in (1, 2):
            for _line in range(10_000):
                os.write(number, b"a warning about a tag\n")

    def nap_until(self, files: str) -> None:
        """Sleep for a second more when the first file is there, and note the end there; the second says: begun."""
        note, begun = map(Path, files.split())
        begun.touch()
        while not note.exists():
            time.sleep(0.01)
        time.sleep(1)
        with note.open("a") as lines:
            lines.write("nap ended\n")

    def die_once(self, note: str) -> None:
        """As the kernel's OOM killer has it; `note` is a file that remembers."""
        first = not Path(note).exists()
        with Path(note).open("a") as lines:
            lines.write("begun\n")
        if first:
            self.die("")

    def die(self, _: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def answer_nonsense(self, _: str) -> None:
        _write_everywhere(b"\xff" * 64)

    def announce(self, mebibytes: str) -> None:
        """As a decoder that was taken over: a header that passes the checks on this side, and no more."""
        _write_everywhere(_framed({"lengths": [int(mebibytes) * MIB]}))
        os._exit(0)

    def announce_and_nap(self, seconds: str) -> None:
        """As a child does that is ended in the midst of its answer."""
        _write_everywhere(_framed({"lengths": [MIB]}))
        self.nap(seconds)

    def announce_and_die(self, _: str) -> None:
        _write_everywhere(_framed({"lengths": [MIB]}))
        self.die("")

    def forge(self, _: str) -> None:
        """An answer too many, which the next picture would get."""
        _write_everywhere(_framed({"error": "permanent", "message": "forged", "code": None, "lengths": []}))

    def leave_an_heir(self, note: str) -> None:
        """As a process does that has started another one, which has its pipes, and ends."""
        heir = os.fork()
        if heir:
            Path(note).write_text(str(heir))
            os._exit(0)
        time.sleep(600)

    def tell(self, _: str) -> None:
        """What this process has, as the error of its picture."""
        links = [Path(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
        told = {
            "pid": os.getpid(),
            "group": os.getpgid(0),
            "environment": dict(os.environ),
            "files": [os.readlink(link) for link in links if link.exists()],
            "memory": resource.getrlimit(resource.RLIMIT_AS)[0],
            "core": resource.getrlimit(resource.RLIMIT_CORE),
            "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),  # PR_GET_DUMPABLE
            "killed_first": int(Path("/proc/self/oom_score_adj").read_text()),
        }
        raise Permanent(json.dumps(told))


def _framed(header: dict[str, object]) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack(">I", len(text)) + text


def _write_everywhere(data: bytes) -> None:
    for number in range(3, 64):
        with suppress(OSError):
            os.write(number, data)
