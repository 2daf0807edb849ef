"""What the demo says at its end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from devstack.exhibits import Exhibit, human

NEXT = """\
Next: make demo MEDIA=~/Pictures/flat    your own photos, videos and documents
      make demo PROFILE=newest           the newest backend's settings, and a finalization
      docs/contract.md                   what the service promises, and every setting"""


def table(shown: Iterable[Exhibit], finalization: Mapping[str, Any] | None) -> str:
    """A row for each asset, and one for the finalization."""
    rows = [("asset", "status", "w × h", "size", "made of it")]
    for exhibit in shown:
        source = exhibit.source
        shape = f"{source.width} × {source.height}" if source.width else ""
        made = "  ".join(
            f"{picture.width or name} {picture.format} {human(picture.bytes)}".replace("  ", " ")
            for name, picture in exhibit.renditions.items()
        )
        told = f"{exhibit.error_code}: {exhibit.error_message}" if exhibit.error_code else made
        status = "failed" if exhibit.error_code else "ok"
        rows.append((f"{exhibit.media_type}/{exhibit.name}", status, shape, human(source.bytes), told))
    if finalization:
        files = f"{finalization['assetsZipped']} files: {', '.join(finalization['zipBundles'])}"
        size = human(finalization["zipSizeBytes"])
        rows.append(("the finalization", finalization["status"], "", size, files))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)), row[4]])
        for row in rows
    )


def farewell(status: str, shown: Collection[Exhibit], meant_to_fail: Collection[str], output: Path) -> str:
    """How it went, whether that was expected, where the results are, and what to try next."""
    failed = [exhibit.name for exhibit in shown if exhibit.error_code]
    lines = [f"Status {status}: {len(shown) - len(failed)} of {len(shown)} assets are processed."]
    lines += [
        f"{name} is meant to fail: it is cut off, and costs the job nothing but itself."
        for name in failed
        if name in meant_to_fail
    ]
    page = (output / "index.html").resolve().as_uri()
    return "\n".join([*lines, "", f"Everything is in {output}; look at {page}", NEXT])
