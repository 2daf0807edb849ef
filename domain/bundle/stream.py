"""The plain way to write a bundle: every member goes through the worker, in key order."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from contextlib import closing
from functools import partial

from domain.bundle.flight import SENDING, Flight
from domain.bundle.names import Names, new_extension
from domain.bundle.plan import PartSizes, Stretch
from domain.bundle.reading import read_ahead
from domain.part_sink import PartSink
from domain.ports import Entry, Upload
from domain.run import Run


def stream(run: Run, upload: Upload, members: Sequence[Entry], sizes: PartSizes) -> int:
    """Write all members; returns the size of the whole in bytes. Memory is bounded, however large a member is."""
    names = Names(run.job.listing_id)
    with Flight[None](run.ports.transfers, SENDING, run.attempt.checkpoint) as sending:

        def send(number: int, data: bytearray) -> None:
            sending.start(len(data), partial(upload.part, number, data))

        sink = PartSink(send, sizes.full)
        stretches = (Stretch(member, range(member.size)) for member in members)
        with (
            zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive,
            closing(read_ahead(run, stretches)) as reads,
        ):
            for member, chunks in zip(members, reads, strict=True):
                first = next(chunks, b"")
                entry = names.entry(member, new_extension(member.key, first))
                info = entry.info()
                info.file_size = 0  # zipfile counts itself; told the size, it has a rule of its own for ZIP64
                with sink.holding(), archive.open(info, "w", force_zip64=entry.large) as file:
                    file.write(first)
                    for chunk in chunks:
                        file.write(chunk)
        return sink.finish()
