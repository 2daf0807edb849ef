"""The demo's page, as text: how it looks is for eyes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from devstack.contact_sheet import contact_sheet
from devstack.exhibits import Exhibit, Picture

SHAPES = {"thumbnail": (200, 150), "small": (400, 300), "medium": (800, 600), "large": (1200, 900)}


def picture(name: str, width: int, height: int, **more: Any) -> Picture:
    return Picture(f"bucket/{name}", 1500, width, height, "JPEG", f"bucket/{name}", **more)


def photo(name: str, shapes: dict[str, tuple[int, int]] = SHAPES) -> Exhibit:
    made = {size: picture(f"{size}/{name}", *shape) for size, shape in shapes.items()}
    return Exhibit(name, "photo/horizontal", picture(name, 4000, 3000), made, "", "")


VIDEO = Exhibit(
    "tour.mp4",
    "video/horizontal",
    picture("tour.mp4", 1280, 720, is_video=True),
    {**photo("tour.jpg").renditions, "original": picture("made.mp4", 1280, 720, is_video=True)},
    "",
    "",
)
BROKEN = Exhibit(
    "a&b.jpg", "photo/horizontal", Picture("bucket/a&b.jpg", 9), {}, "THUMBNAIL_PROCESSING_FAILED", "cut <off>"
)
PLAN = Exhibit(
    "plan.pdf", "project/doc", Picture("bucket/p", 9), {"original": Picture("bucket/plan.pdf", 9)}, "", ""
)


def entry(second: float, event: str, **more: Any) -> dict[str, Any]:
    return {"timestamp": f"2026-01-05T12:00:0{second}Z", "event": event, "job_id": 21, **more}


LOG = [
    entry(0, "started"),
    entry(1, "step done", step="validate", seconds=0.5, ok=3),
    entry(3.5, "step done", step="thumbnails", seconds=2.0, ok=2, failed=1),
    entry(4, "asset failed", key="28/raw/photo/a&b.jpg", code="X", why="cut <off>"),
    entry(5, "step done", step="zip", seconds=1.0, job_id=22, members=4, bytes=8000),
    entry(6, "drained"),
]


def page(*shown: Exhibit, meant_to_fail: tuple[str, ...] = ()) -> str:
    outputs = [{"errorCode": exhibit.error_code} for exhibit in shown]
    payload = {
        "listingId": 28, "jobId": 21, "status": "PARTIAL_SUCCESS", "outputs": outputs,
        "zipBundles": ["28/processed/zip/28.zip"], "zipSizeBytes": 1500, "assetsZipped": 4,
    }  # fmt: skip
    return contact_sheet(payload, shown, None, LOG, meant_to_fail)


def article(name: str, text: str) -> str:
    (found,) = re.findall(rf"<article[^>]*>\n<header><h2>{re.escape(name)}</h2>.*?</article>", text, re.DOTALL)
    return str(found)


def test_what_failed_comes_first_with_its_reason() -> None:
    text = page(photo("a.jpg"), BROKEN, photo("b.jpg"))
    assert re.findall("<h2>(.*?)</h2>", text)[:3] == ["a&amp;b.jpg", "a.jpg", "b.jpg"]
    failed = article("a&amp;b.jpg", text)
    assert "THUMBNAIL_PROCESSING_FAILED" in failed
    assert "cut &lt;off&gt;" in failed
    assert 'href="bucket/a%26b.jpg"' in failed
    assert "2 processed, 1 failed" in text


def test_a_failure_that_is_meant_to_be_is_called_so() -> None:
    assert "meant to fail" in article("a&amp;b.jpg", page(BROKEN, meant_to_fail=("a&b.jpg",)))
    assert "meant to fail" not in page(BROKEN)


def widths(text: str) -> list[int]:
    return [int(width) for width in re.findall(r"<figure style=\"--w: (\d+)\"", text)]


def test_renditions_are_drawn_in_proportion() -> None:
    text = page(photo("a.jpg"))
    assert widths(text) == [200, 400, 800, 1200]
    assert 'style="--total: 2600; --widest: 1200"' in text
    assert "width: calc(var(--w) * var(--scale))" in text
    assert "<span>1200 × 900</span><span>1.5 kB</span><span>JPEG</span>" in text


def test_a_photo_smaller_than_all_sizes_is_not_drawn_larger_than_the_others() -> None:
    text = page(photo("tiny.jpg", dict.fromkeys(SHAPES, (150, 100))))
    assert widths(text) == [150] * 4
    assert "--total: 2600; --widest: 1200" in text


def test_a_video_fits_into_the_row_beside_its_posters() -> None:
    text = page(VIDEO)
    assert widths(text) == [200, 400, 800, 1200, 1280]
    assert "--total: 3880; --widest: 1280" in text
    assert text.count("<video") == 2
    assert 'poster="bucket/medium/tour.jpg"' in text


def test_a_photo_has_its_placeholder_behind_it_and_its_dominant_colour() -> None:
    told = replace(photo("a.jpg"), dominant_color="#8a7f6d", placeholder="data:image/png;base64,AA==")
    text = page(told, photo("b.jpg"))
    assert text.count("--placeholder: url(data:image/png;base64,AA==) 0 0 / 100% 100%") == 1
    assert '<i style="background: #8a7f6d"></i>#8a7f6d' in article("a.jpg", text)
    assert "aspect-ratio: 200 / 150" in article("a.jpg", text)
    assert 'class="placeholder"' not in article("b.jpg", text)


def test_a_document_is_a_link() -> None:
    assert '<a class="none" href="bucket/plan.pdf">' in article("plan.pdf", page(PLAN))


def test_each_job_has_a_table_of_its_steps() -> None:
    text = page(photo("a.jpg"))
    tables = re.findall("<table>.*?</table>", text, re.DOTALL)
    assert [re.findall("<caption>(.*?)</caption>", table) for table in tables] == [
        ["job 21: 2.50 s in all"],
        ["job 22: 1.00 s in all"],
    ]
    rows = re.findall(
        r'<th scope="row">(\w+)</th><td class="seconds">(.*?)</td>.*?--share: (.*?)".*?figures">(.*?)<', text
    )
    assert rows == [
        ("validate", "0.50 s", "0.2500", "3 ok"),
        ("thumbnails", "2.00 s", "1.0000", "2 ok, 1 failed"),
        ("zip", "1.00 s", "0.5000", "4 members, 8,000 bytes"),
    ]


def test_the_log_is_on_the_page_in_plain_lines() -> None:
    (log,) = re.findall("<pre>(.*?)</pre>", page(photo("a.jpg")), re.DOTALL)
    lines = log.splitlines()
    assert len(lines) == len(LOG)
    assert lines[0] == "  0.00 s  the worker is up and polls the queue"
    assert lines[3] == "  4.00 s  failed      28/raw/photo/a&amp;b.jpg: X, cut &lt;off&gt;"
    assert lines[5] == "  6.00 s  drained"


def test_a_job_that_did_nothing_has_a_page_too() -> None:
    text = contact_sheet(
        {"listingId": 28, "jobId": 21, "status": "PROCESSING_FAILED", "outputs": [], "zipBundles": [],
         "zipSizeBytes": 0, "assetsZipped": 0}, [], None, [],
    )  # fmt: skip
    assert "PROCESSING_FAILED" in text
    assert "<table>" not in text
