"""The renditions that are kept for bundles."""

from __future__ import annotations

from domain.rendition_cache import RenditionCache, RenditionRoom


def test_all_jobs_share_one_room() -> None:
    room = RenditionRoom(10)
    one, other = RenditionCache(room), RenditionCache(room)
    one.keep("a", "1", b"1234567")
    other.keep("b", "1", b"1234")
    assert (one.get("a", "1"), other.get("b", "1")) == (b"1234567", None)
    one.clear()
    other.keep("b", "1", b"1234")
    assert (one.get("a", "1"), other.get("b", "1")) == (None, b"1234")


def test_what_is_kept_twice_takes_its_room_once() -> None:
    room = RenditionRoom(10)
    cache = RenditionCache(room)
    for _ in range(2):
        cache.keep("a", "1", b"1234")
    assert room.take(6)
    assert not room.take(1)
    cache.clear()
    assert room.take(4)
    assert not room.take(1)


def test_what_a_thread_writes_after_the_end_is_not_kept() -> None:
    room = RenditionRoom(10)
    cache = RenditionCache(room)
    cache.keep("a", "1", b"12")
    cache.close()
    cache.keep("b", "1", b"1234")
    assert (cache.get("a", "1"), cache.get("b", "1")) == (None, None)
    assert room.take(10)
