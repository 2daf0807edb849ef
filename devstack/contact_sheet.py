"""The demo's page: each source next to what was made of it. Opens without a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from devstack.exhibits import Exhibit, Picture, human

STYLE = """
:root { color-scheme: light; --ink: #1f2530; --soft: #667085; --line: #e3e6ec; --good: #18794e; --bad: #b42318 }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1500px; padding: 2rem clamp(1rem, 3vw, 3rem) 4rem; color: var(--ink);
  background: #f6f7f9; font: 16px/1.5 system-ui, sans-serif }
h1 { margin: 0; font-size: 1.7rem; letter-spacing: -.01em }
h2 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere }
a { color: #175cd3 }
code, .figures { font: 12.5px/1.45 ui-monospace, Menlo, Consolas, monospace }
dl { display: flex; flex-wrap: wrap; gap: .8rem 2.2rem; margin: 1.2rem 0 2rem }
dt { color: var(--soft); font-size: .8rem }
dd { margin: 0; font-weight: 600 }
article { margin: 0 0 1.2rem; padding: 1.1rem 1.3rem 1.3rem; background: #fff; border: 1px solid var(--line);
  border-radius: 12px }
article.failed { border-left: 5px solid var(--bad) }
header.asset { display: flex; flex-wrap: wrap; align-items: baseline; gap: .3rem .8rem; margin-bottom: .9rem }
.chip { padding: .05rem .6rem; border-radius: 99px; background: #eef1f5; color: var(--soft); font-size: .8rem }
.chip.good { background: #e6f4ec; color: var(--good) }
.chip.bad { background: #fdecea; color: var(--bad) }
.row { display: grid; gap: 1rem; grid-template-columns: 1.35fr repeat(4, 1fr); align-items: start }
.row.video { grid-template-columns: repeat(2, 1.5fr) repeat(4, 1fr) }
.row.copied { grid-template-columns: 1fr; max-width: 20rem }
.row.failed { grid-template-columns: minmax(12rem, 1.35fr) 4fr; align-items: center }
@media (max-width: 900px) { .row, .row.failed { grid-template-columns: repeat(2, 1fr) } }
figure { margin: 0 }
figure a, figure video { display: grid; place-items: center; height: 230px; padding: 6px; border-radius: 8px;
  border: 1px solid var(--line);
  background: repeating-conic-gradient(#eef0f3 0 25%, #fff 0 50%) 0 0 / 18px 18px }
figure video { width: 100%; background: #000 }
figure img { max-width: 100%; max-height: 216px; display: block }
figcaption { margin-top: .45rem }
figcaption b { display: block; font-size: .88rem }
.figures { color: var(--soft) }
.why { margin: 0; color: var(--bad); overflow-wrap: anywhere }
"""


def contact_sheet(
    payload: Mapping[str, Any], exhibits: Iterable[Exhibit], finalization: Mapping[str, Any] | None
) -> str:
    """The page of a job's callback and, if there is one, its finalization's. Their bundles lie beside the page."""
    articles = "\n".join(_article(exhibit) for exhibit in exhibits)
    title = f"Listing {payload['listingId']}, job {payload['jobId']}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{_summary(payload, finalization)}
<main>
{articles}
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


def _article(exhibit: Exhibit) -> str:
    source = _figure("source", exhibit.source, exhibit.name)
    if exhibit.error_code:
        kind, chip = "failed", f'<span class="chip bad">{escape(exhibit.error_code)}</span>'
        row = source + f'<p class="why">{escape(exhibit.error_message)}</p>'
    elif (original := exhibit.renditions.get("original")) and not original.is_video:
        kind, chip = "copied", '<span class="chip good">copied unchanged</span>'
        row = _figure("original", original, exhibit.name)
    else:
        kind = "made video" if original else "made"
        chip = '<span class="chip good">processed</span>'
        row = source + "".join(_made(exhibit))
    name, media_type = escape(exhibit.name), escape(exhibit.media_type)
    return f"""<article class="{kind}">
<header class="asset"><h2>{name}</h2><span class="chip">{media_type}</span>{chip}</header>
<div class="row {kind}">{row}</div>
</article>"""


def _made(exhibit: Exhibit) -> Iterator[str]:
    """A figure for each rendition; a video comes before its posters, behind one of them."""
    renditions = dict(exhibit.renditions)
    if video := renditions.pop("original", None):
        yield _figure("original", video, exhibit.name, renditions["medium"].shown)
    for size, picture in renditions.items():
        yield _figure(size, picture, exhibit.name)


def _figure(label: str, picture: Picture, name: str, poster: str = "") -> str:
    content = '<span class="figures">no picture: open the file</span>'
    if picture.is_video:
        shown = f' poster="{quote(poster)}"' if poster else ""
        content = f'<video src="{quote(picture.shown)}"{shown} controls muted preload="metadata"></video>'
    elif picture.shown:
        alt = escape(f"{name}, {label}")
        content = f'<img src="{quote(picture.shown)}" alt="{alt}" loading="lazy">'
    shape = f"{picture.width} × {picture.height}" if picture.width else ""
    figures = " · ".join(filter(None, (shape, human(picture.bytes), picture.format)))
    note = " (shown as a preview)" if picture.is_preview else ""
    if not picture.is_video:
        content = f'<a href="{quote(picture.path)}">{content}</a>'
    return f"""<figure>{content}
<figcaption><b>{label}{note}</b><span class="figures">{figures}</span></figcaption></figure>
"""
