"""The demo's page: each source next to what was made of it. Opens without a server."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from devstack.exhibits import Exhibit, Picture, human
from devstack.timeline import Entries, timeline

STYLE = Path(__file__).with_suffix(".css")
_SHOWN = """onload="this.style.setProperty('--placeholder', 'initial')\""""
"""A picture that has loaded needs no placeholder behind it; where it is clear, that would show."""
WIDTHS = (200, 400, 800, 1200)
"""Pixels, of a photo that is large enough: what smaller ones are drawn to scale with."""


def contact_sheet(
    payload: Mapping[str, Any],
    exhibits: Iterable[Exhibit],
    finalization: Mapping[str, Any] | None,
    log: Entries,
    meant_to_fail: Container[str] = (),
) -> str:
    """The page of a job's callback and, if there is one, its finalization's. Their bundles lie beside the page.

    What failed comes first; `meant_to_fail` are names of assets of which that is expected.
    """
    articles = "\n".join(
        _article(exhibit, exhibit.name in meant_to_fail)
        for exhibit in sorted(exhibits, key=lambda exhibit: not exhibit.error_code)
    )
    title = f"Listing {payload['listingId']}, job {payload['jobId']}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{_summary(payload, finalization)}
<main>
{articles}
{timeline(log)}
</main>
</body>
</html>
"""


def _summary(payload: Mapping[str, Any], finalization: Mapping[str, Any] | None) -> str:
    outputs = payload["outputs"]
    failed = sum(1 for entry in outputs if entry["errorCode"])
    facts = {
        "Status": escape(payload["status"]),
        "Assets": f"{len(outputs) - failed} processed, {failed} failed",
        "Bundle": _bundle(payload),
        "Callback": '<a href="callback.json">callback.json</a>',
        "Bucket": '<a href="bucket/">every object</a>',
        "Worker": '<a href="#worker">its steps and its log</a>',
    }
    if finalization:
        status = f'<a href="finalization.json">{escape(finalization["status"])}</a>'
        facts["Finalization"] = f"{status}: {_bundle(finalization)}"
    return "<dl>" + "".join(f"<div><dt>{name}</dt><dd>{fact}</dd></div>" for name, fact in facts.items()) + "</dl>"


def _bundle(payload: Mapping[str, Any]) -> str:
    size, count = human(payload["zipSizeBytes"]), payload["assetsZipped"]
    names = (key.rpartition("/")[2] for key in payload["zipBundles"])
    return (
        ", ".join(f'<a href="{quote(name)}">{escape(name)}</a>, {count} files, {size}' for name in names) or "none"
    )


def _article(exhibit: Exhibit, meant_to_fail: bool) -> str:
    source = _figure("source", exhibit.source, exhibit.name)
    if exhibit.error_code:
        kind, chip = "failed", _chip(exhibit.error_code, "bad") + (_chip("meant to fail") if meant_to_fail else "")
        row = source + f'<p class="why">{escape(exhibit.error_message)}</p>'
    elif (original := exhibit.renditions.get("original")) and not original.is_video:
        kind, chip = "copied", _chip("copied unchanged", "good")
        row = _figure("original", original, exhibit.name)
    else:
        kind, chip = "made", _chip("processed", "good")
        row = source + _sizes(exhibit)
    behind = f"url({exhibit.placeholder}) 0 0 / 100% 100%" if exhibit.placeholder else "initial"
    return f"""<article class="{kind}" style="--placeholder: {behind}">
<header><h2>{escape(exhibit.name)}</h2>{_chip(exhibit.media_type)}{chip}{_placeholder(exhibit)}</header>
<div class="row {kind}">{row}</div>
</article>"""


def _chip(text: str, kind: str = "") -> str:
    return f'<span class="{f"chip {kind}".strip()}">{escape(text)}</span>'


def _placeholder(exhibit: Exhibit) -> str:
    """What a page can show before the picture is there: its ThumbHash, and a colour."""
    if not exhibit.placeholder:
        return ""
    color, thumbnail = escape(exhibit.dominant_color), exhibit.renditions["thumbnail"]
    shape = f"aspect-ratio: {thumbnail.width} / {thumbnail.height}"
    blurred = f'<i class="blurred" style="{shape}" title="ThumbHash"></i>'
    return f'<span class="placeholder">{blurred}<i style="background: {color}"></i>{color}</span>'


def _sizes(exhibit: Exhibit) -> str:
    """What was made, at one scale; a video is shown behind one of its posters."""
    made = exhibit.renditions
    poster = made["medium"].shown if "original" in made else ""
    figures = "".join(_figure(size, picture, exhibit.name, poster) for size, picture in made.items())
    widths = [picture.width for picture in made.values()]
    total, widest = max(sum(WIDTHS), sum(widths)), max(*WIDTHS, *widths)
    return (
        f'<div class="made"><div class="sizes" style="--total: {total}; --widest: {widest}">{figures}</div></div>'
    )


def _figure(label: str, picture: Picture, name: str, poster: str = "") -> str:
    size = f' width="{picture.width}" height="{picture.height}"'
    if picture.is_video:
        shown = f' poster="{quote(poster)}"' if poster else ""
        content = f'<video src="{quote(picture.shown)}"{size}{shown} controls muted preload="metadata"></video>'
    elif picture.shown:
        alt = f'alt="{escape(f"{name}, {label}")}"'
        image = f'<img src="{quote(picture.shown)}"{size} {alt} loading="lazy" {_SHOWN}>'
        content = f'<a href="{quote(picture.path)}">{image}</a>'
    else:
        content = f'<a class="none" href="{quote(picture.path)}">no picture: open the file</a>'
    shape = f"{picture.width} × {picture.height}" if picture.width else ""
    facts = "".join(f"<span>{fact}</span>" for fact in (shape, human(picture.bytes), picture.format) if fact)
    note = " (shown as a preview)" if picture.is_preview else ""
    place = 'class="source"' if label == "source" else f'style="--w: {picture.width}"'
    return f"""<figure {place}>{content}
<figcaption><b>{label}{note}</b><span class="figures">{facts}</span></figcaption></figure>
"""
