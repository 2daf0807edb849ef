"""Bundles that were assembled step by step, to the readers that there are."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from domain.bundle.layout import ArchiveEntry, Stamp, directory
from domain.bundle.plan import PartSizes
from domain.crc32 import combine
from domain.model import Job
from domain.rendition_cache import RenditionCache, RenditionRoom
from domain.run import Run
from domain.steps.zip import write_bundle
from tests.fakes import JPEG, MP4, PDF, FakeAttempt, FakeObjects, make_ports

KEY = "28/processed/zip/28.zip"
SIZES = PartSizes(least=5_000, full=8_000, copied=20_000)
GIB = 1024**3

ZIP_INPUT_STREAM = """
import java.util.zip.ZipInputStream;

class Read {
    public static void main(String[] arguments) throws Exception {
        byte[] buffer = new byte[1 << 16];
        try (ZipInputStream zip = new ZipInputStream(System.in)) {
            for (var entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                long size = 0;
                for (int read = zip.read(buffer); read >= 0; read = zip.read(buffer)) size += read;
                if (size != entry.getSize()) throw new Exception(entry.getName() + " has " + size + " bytes");
                System.out.println(entry.getName());
            }
        }
    }
}
"""
READERS = {
    "unzip": ["unzip", "-t", "FILE"],
    "7z": ["7z", "t", "FILE"],
    "bsdtar": ["bsdtar", "-xOf", "FILE"],
    "bsdtar of a stream": ["bsdtar", "-xOf", "-"],
    "ZipInputStream": ["java", "-Dstdout.encoding=UTF-8", "-Xmx64m", "Read.java"],
    "zipfile": [
        sys.executable,
        "-c",
        "import sys, zipfile; sys.exit(zipfile.ZipFile(sys.argv[1]).testzip())",
        "FILE",
    ],
}


@pytest.fixture(scope="module")
def assembled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A listing's bundle after a few jobs: what came, changed and went."""
    objects = FakeObjects()

    def job(members: dict[str, bytes], gone: Sequence[str] = ()) -> None:
        for name, data in members.items():
            objects.put(f"28/processed/{name}", data)
        for name in gone:
            del objects.stored[f"28/processed/{name}"]
        ports = make_ports(objects=objects)
        write_bundle(Run(Job(21, 28, "m-1"), FakeAttempt(), ports, RenditionCache(RenditionRoom(0))), sizes=SIZES)

    photos = {f"photo/vertical/large/{number:02}.heic": JPEG + bytes([number]) * 999 for number in range(30)}
    job({**photos, "video/vertical/original/a.mp4": MP4 + b"a" * 50_000})
    job({"project/doc/original/Grundriß.pdf": PDF, "photo/vertical/large/05.jpg": JPEG + b"x" * 400})
    job({"video/vertical/original/b.mp4": MP4 + b"b" * 90_000}, gone=["photo/vertical/large/21.heic"])
    job({"photo/vertical/large/07.heic": JPEG + b"changed" * 400, "project/doc/original/empty.txt": b""})
    assert len(objects.called("copy part")) > 10
    path = tmp_path_factory.mktemp("bundle") / "assembled.zip"
    path.write_bytes(objects.stored[KEY].data)
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with ZIP64 fields: 2 GiB of zeros, which take no room on the disk, and what comes after them."""
    zeros, size = 0xD202EF8D, 1  # the CRC-32 of one zero byte
    while size < 2 * GIB:
        zeros, size = combine(zeros, zeros, size), 2 * size
    video = ArchiveEntry("video/a.mp4", Stamp.of("a", "1", None), size, zeros)
    photo = ArchiveEntry("photo/a.jpg", Stamp.of("b", "2", None), 1, 0xD202EF8D, video.extent.stop)
    path = tmp_path_factory.mktemp("bundle") / "large.zip"
    with path.open("wb") as file:
        file.write(video.header())
        file.seek(photo.offset)
        file.write(photo.header() + b"\0" + directory([photo, video], photo.extent.stop))
    return path


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("bundle", ["assembled", "large"])
def test_every_reader_reads_the_whole_bundle(
    request: pytest.FixtureRequest, tmp_path: Path, bundle: str, reader: str
) -> None:
    path: Path = request.getfixturevalue(bundle)
    command, *arguments = READERS[reader]
    found = shutil.which(command)
    if found is None:
        pytest.skip(f"there is no {command}")
    (tmp_path / "Read.java").write_text(ZIP_INPUT_STREAM)
    listed = reader == "ZipInputStream"
    with path.open("rb") as stdin:
        done = subprocess.run(
            [found, *(argument.replace("FILE", str(path)) for argument in arguments)],
            cwd=tmp_path,
            stdin=stdin,
            stdout=subprocess.PIPE if listed else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=110,
        )
    assert done.returncode == 0, done.stderr
    if listed:
        with zipfile.ZipFile(path) as archive:
            assert sorted(done.stdout.decode().splitlines()) == sorted(archive.namelist())
