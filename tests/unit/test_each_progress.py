"""Whether a job shows progress while its items run, or wait for a thread."""

from __future__ import annotations

import itertools
import threading
import time
from concurrent import futures
from typing import Any

import pytest

from domain import each as each_module
from domain.each import WINDOW, each
from domain.errors import Code
from domain.rendition_cache import RenditionCache, RenditionRoom
from domain.run import Run
from tests.fakes import FakeAttempt, make_ports, threads
from worker.health import STALE_JOB

CODE = Code.THUMBNAIL_PROCESSING_FAILED


def run_of(attempt: FakeAttempt) -> Run:
    return Run(attempt.progress.job, attempt, make_ports(), RenditionCache(RenditionRoom(100)))


def test_a_job_whose_items_wait_for_a_thread_is_not_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(each_module, "LOOK_EVERY", 0.001)
    attempt, looks, over = FakeAttempt(), threading.Semaphore(0), threading.Event()
    attempt.before_checkpoint = looks.release
    with threads(1) as pool:
        pool.submit(over.wait, 30)  # another job's item
        job = threading.Thread(target=each, args=([1], abs, pool, run_of(attempt), CODE), daemon=True)
        job.start()
        for _ in range(3):
            assert looks.acquire(timeout=30)
        over.set()
        job.join(30)


def test_a_job_whose_item_hangs_shows_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt, looks, checked = FakeAttempt(), threading.Semaphore(0), list[bool]()
    hangs, over = threading.Event(), threading.Event()

    def look(*args: Any) -> Any:
        looks.release()
        return futures.wait(args[0], 0.001, args[2])

    def hang(item: int) -> int:
        hangs.set()
        assert over.wait(30)
        return item

    monkeypatch.setattr(each_module, "wait", look)
    attempt.before_checkpoint = lambda: checked.append(over.is_set())
    with threads(1) as pool:
        job = threading.Thread(target=each, args=([1, 2], hang, pool, run_of(attempt), CODE), daemon=True)
        job.start()
        assert hangs.wait(30)
        looks.acquire()  # it may have begun before the item did
        checked.clear()
        for _ in range(5):
            assert looks.acquire(timeout=30)
        assert False not in checked[1:], "at most the look that was under way"
        over.set()
        job.join(30)


def test_eight_jobs_on_one_image_thread_all_show_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each picture counts for ten seconds, so that the last job's first one comes after more than STALE_JOB."""
    monkeypatch.setattr(each_module, "LOOK_EVERY", 0.001)
    image_thread, rendered = threading.BoundedSemaphore(1), list[int]()
    seen = {number: [0] for number in range(8)}

    def render(item: int) -> int:
        time.sleep(0.005)  # fetched, outside the image thread: Python's semaphores aren't fair
        with image_thread:
            time.sleep(0.01)
            rendered.append(item)
            return item

    def job(number: int) -> None:
        attempt = FakeAttempt()
        attempt.before_checkpoint = lambda: seen[number].append(10 * len(rendered))
        each(range(WINDOW), render, pool, run_of(attempt), CODE)

    with threads(4) as pool:
        jobs = [threading.Thread(target=job, args=(number,), daemon=True) for number in range(8)]
        for thread in jobs:
            thread.start()
        for thread in jobs:
            thread.join(60)
    assert len(rendered) == 8 * WINDOW
    gaps = [later - earlier for times in seen.values() for earlier, later in itertools.pairwise(times)]
    assert max(gaps) < STALE_JOB, gaps
