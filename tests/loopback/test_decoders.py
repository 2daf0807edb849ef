"""Child processes that render, and what becomes of those that don't."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zipapp
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from adapters.decoders import children, process
from adapters.decoders.boot import Serving
from adapters.decoders.children import Children
from adapters.decoders.limits import Limits
from adapters.decoders.pool import Decoders
from adapters.decoders.process import Child, Ended
from domain.content import FileFormat
from domain.errors import Permanent, Stopped, Transient
from domain.model import Picture
from tests.hostile import MIB, hostile
from tests.images import encoded, quadrants
from tests.linux import LINUX_ONLY

PHOTO = encoded(quadrants(), "JPEG")
ROOT = Path(__file__).parents[2]
MEMORY = 512 * MIB
RENDERER = Serving("tests.hostile:Hostile", (1_000_000,))


class Pool:
    """Decoders, and the reasons of the replacements."""

    def __init__(self, processes: int = 1, seconds: float = 60, serving: Serving = RENDERER) -> None:
        self.reasons: list[str] = []
        self.decoders = Decoders(serving, Limits(processes, MEMORY, seconds), self.reasons.append)

    def render(self, deed: str = "", job: str = "m-1") -> Picture:
        data = hostile(PHOTO, deed) if deed else PHOTO
        return self.decoders.render(data, FileFormat.JPEG, job, "28/raw/photo/a.jpg", lambda: None)

    def told(self) -> dict[str, Any]:
        """What a child tells of itself."""
        with pytest.raises(Permanent) as refused:
            self.render("tell")
        told: dict[str, Any] = json.loads(str(refused.value))
        return told


@pytest.fixture
def make() -> Iterator[Callable[..., Pool]]:
    made: list[Pool] = []

    def one(**options: Any) -> Pool:
        made.append(Pool(**options))
        return made[-1]

    yield one
    for pool in made:
        pool.decoders.close()


@pytest.mark.parametrize(
    ("deed", "reason", "message"),
    [
        ("hang", "timeout", r"it took more than 8 s \(IMAGE_TIMEOUT\)"),
        ("nap 60", "timeout", r"it took more than 8 s \(IMAGE_TIMEOUT\)"),
        ("announce_and_nap 60", "timeout", r"it took more than 8 s \(IMAGE_TIMEOUT\)"),
        ("announce_and_die", "killed", r"killed from outside \(SIGKILL\), twice"),
        ("forge", "crashed", "its decoder answered nonsense: the answer is another picture's"),
        ("abort", "crashed", r"its decoder crashed \(SIGABRT\)"),
        ("exit 3", "crashed", r"its decoder crashed \(exit status 3\)"),
        ("answer_nonsense", "crashed", "its decoder answered nonsense"),
        ("announce 65", "crashed", r"its decoder answered nonsense: bodies of \[68157440\] bytes"),
        pytest.param("swell", "memory", r"more than 512 MiB of memory \(IMAGE_MEMORY\)", marks=LINUX_ONLY),
        pytest.param("swell_and_blame_the_file 390", "memory", r"512 MiB .*IMAGE_MEMORY", marks=LINUX_ONLY),
    ],
)
def test_a_picture_that_does_harm_fails_alone_and_says_which_limit_it_was(
    make: Callable[..., Pool], deed: str, reason: str, message: str
) -> None:
    pool = make(seconds=8 if reason == "timeout" else 60)
    with pytest.raises(Permanent, match=message) as failed:
        pool.render(deed)
    assert failed.value.code is None, "the step gives the code"
    assert pool.reasons == [reason] * (2 if reason == "killed" else 1)
    assert pool.render().width == 320


def test_an_error_of_the_renderers_own_costs_no_child(make: Callable[..., Pool]) -> None:
    pool = make()
    first = pool.told()["pid"]
    with pytest.raises(Permanent, match="a broken data stream"):
        pool.render("swell_and_blame_the_file 10")
    with pytest.raises(RuntimeError, match="no_such_deed"):
        pool.render("no_such_deed")
    assert pool.told()["pid"] == first
    assert pool.reasons == []


def test_renditions_of_more_than_64_mib_are_refused(make: Callable[..., Pool]) -> None:
    pool = make()
    assert len(pool.render("bloat 64").renditions[0].data) == 64 * MIB
    with pytest.raises(Permanent, match="its sizes together have 68,157,440 bytes, more than 67,108,864"):
        pool.render("bloat 65")
    assert pool.reasons == []


@LINUX_ONLY
def test_a_child_that_came_near_its_limit_is_used_no_more(make: Callable[..., Pool]) -> None:
    pool = make()
    first = pool.told()["pid"]
    pool.render("swell_and_recover 390")
    assert pool.told()["pid"] != first
    assert pool.reasons == []


def test_what_a_decoder_writes_to_its_standard_streams_disturbs_nothing(make: Callable[..., Pool]) -> None:
    assert make().render("chatter").width == 320


def test_a_picture_whose_child_is_killed_is_tried_once_more(make: Callable[..., Pool], tmp_path: Path) -> None:
    pool = make()
    assert pool.render(f"die_once {tmp_path / 'note'}").width == 320
    with pytest.raises(Permanent, match=r"killed from outside \(SIGKILL\), twice"):
        pool.render("die")
    assert pool.reasons == ["killed"] * 3


def test_and_nothing_else_is_rendered_meanwhile(make: Callable[..., Pool], tmp_path: Path) -> None:
    pool, begun, note = make(processes=2), tmp_path / "begun", tmp_path / "note"
    with ThreadPoolExecutor(2) as threads:
        other = threads.submit(pool.render, f"nap_until {note} {begun}", "m-2")
        while not begun.exists():
            assert not other.done()
        assert pool.render(f"die_once {note}").width == 320
        assert other.result().width == 320
    assert note.read_text().splitlines() == ["begun", "nap ended", "begun"]
    assert pool.reasons == ["killed"]


def test_a_picture_that_waits_to_be_alone_keeps_no_other_job_waiting_for_a_slow_one(
    make: Callable[..., Pool], tmp_path: Path
) -> None:
    pool, begun, note = make(processes=2), tmp_path / "begun", tmp_path / "note"
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(pool.render, ["nap 1"] * 3, ["theirs", "theirs", "ours"]))  # all three children start
        slow = threads.submit(pool.render, f"nap_until {note} {begun}", "theirs")
        while not begun.exists():
            assert not slow.done()
        dies = threads.submit(pool.render, "die", "theirs")
        while not pool.reasons:
            assert not dies.done()
        try:
            for _ in range(3):
                assert threads.submit(pool.render, job="ours").result(30).width == 320
            assert not slow.done()
        finally:
            note.touch()
        with pytest.raises(Permanent, match="twice"):
            dies.result()


@LINUX_ONLY
def test_a_child_that_is_killed_while_nothing_is_rendered_costs_no_picture(
    make: Callable[..., Pool],
) -> None:
    pool = make()
    idle = pool.told()["pid"]
    os.kill(idle, signal.SIGKILL)
    while ") Z " not in Path(f"/proc/{idle}/stat").read_text():
        pass
    assert pool.told()["pid"] != idle
    assert pool.reasons == []


@LINUX_ONLY
def test_a_child_has_no_credentials_no_sockets_and_no_files_of_the_workers(
    make: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
    pipe = os.pipe()
    for number in pipe:
        os.set_inheritable(number, True)
    told = make().told()
    for number in pipe:
        os.close(number)
    ours = {name for name in told["environment"] if not name.startswith("MALLOC_")}
    assert ours <= {"OMP_NUM_THREADS", "LC_CTYPE"}
    assert sorted(path.partition(":")[0] for path in told["files"]) == [
        "/dev/null", "/dev/null", "pipe", "pipe",
    ]  # fmt: skip
    assert (told["memory"], told["core"], told["killed_first"]) == (MEMORY, [0, 0], 1000)
    assert told["dumpable"] == 0, "another child could trace it"


@LINUX_ONLY
def test_an_interrupt_at_the_terminal_and_a_service_managers_sigterm_are_the_workers_alone(
    make: Callable[..., Pool],
) -> None:
    pool = make()
    told = pool.told()
    assert told["group"] == told["pid"], "the terminal interrupts another group"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(told["pid"], number)
    assert pool.told()["pid"] == told["pid"]


READS = """
import ctypes, os, subprocess
from worker.bootstrap import _images
from worker.metrics import Metrics
from worker.settings import Settings

if os.getuid() == 0:  # who may read everything
    os.setgid(65534)
    os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, as any process has it that didn't change its user
reads = lambda: not subprocess.call(["cat", f"/proc/{os.getpid()}/environ"], stdout=-3, stderr=-3)
before = reads()
_images(
    Settings(
        queue_url="http://127.0.0.1:9/0/q", media_bucket="bucket", callback_url="http://127.0.0.1:9/",
        callback_secret="unused-unused-unused",
    ),
    Metrics(),
)
print(before, reads())
"""


@LINUX_ONLY
def test_no_process_of_the_same_user_reads_a_workers_environment() -> None:
    answer = subprocess.run([sys.executable, "-c", READS], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert answer.stdout.decode() == "True False\n", answer.stderr.decode()


def test_where_no_child_can_be_started_a_retry_may_help(make: Callable[..., Pool]) -> None:
    pool = make(serving=Serving("tests.hostile:NoSuch"))
    with pytest.raises(Transient, match=r"can't be started: .*NoSuch"):
        pool.render()
    assert pool.reasons == ["not started"]


PROGRAM = """
import sys
from adapters.decoders.limits import Limits
from adapters.decoders.pool import Decoders
from adapters.decoders.boot import Serving
from domain.content import FileFormat

decoders = Decoders(Serving("only_here:Renderer", (1_000_000,)), Limits(1, 1 << 30, 60), print)
picture = decoders.render(sys.stdin.buffer.read(), FileFormat.JPEG, "m-1", "a.jpg", lambda: None)
print(picture.width, decoders.__module__)
decoders.close()
"""


def test_children_start_from_the_images_one_file_too(tmp_path: Path) -> None:
    """As the Dockerfile makes it and starts it: a zip file, and an isolated Python."""
    code = tmp_path / "code"
    for room in ("adapters", "domain"):
        shutil.copytree(ROOT / room, code / room, ignore=shutil.ignore_patterns("__pycache__"))
    (code / "__main__.py").write_text(PROGRAM)
    (code / "only_here.py").write_text("from adapters.pictures.pillow import PillowImages as Renderer\n")
    zipapp.create_archive(code, tmp_path / "worker.pyz", compressed=True)
    shutil.rmtree(code)
    answer = subprocess.run(
        [sys.executable, "-I", "-W", "error", tmp_path / "worker.pyz"],
        cwd="/", input=PHOTO, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert answer.stdout.decode() == "320 adapters.decoders.pool\n", answer.stderr.decode()


def test_a_child_that_is_ended_while_it_starts_is_not_the_pictures_fault() -> None:
    child = Child(RENDERER, Limits(1, MEMORY, 60))
    child.kill(Ended("timeout", "it took too long"))
    with pytest.raises(Ended) as ended:
        child.await_start()
    child.end()
    assert ended.value.reason == "not started"


@LINUX_ONLY
def test_a_child_is_ended_together_with_what_it_has_started(make: Callable[..., Pool], tmp_path: Path) -> None:
    """That has its pipe, so that the worker reads no end of it."""
    pool, note = make(seconds=4), tmp_path / "note"
    with ThreadPoolExecutor(1) as threads:
        failed = threads.submit(pool.render, f"leave_an_heir {note}")
        try:
            with pytest.raises(Permanent, match="IMAGE_TIMEOUT"):
                failed.result(60)
        finally:
            with suppress(ProcessLookupError):
                os.kill(int(note.read_text()), signal.SIGKILL)


def test_what_fails_on_the_workers_side_gives_no_picture_another_ones_renditions(
    make: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make()
    assert pool.render().width == 320
    with monkeypatch.context() as patched:
        patched.setattr(process, "receive", scripted(MemoryError()))
        with pytest.raises(MemoryError):
            pool.render()
    other = encoded(quadrants(240, 120), "JPEG")
    assert pool.decoders.render(other, FileFormat.JPEG, "m-2", "b.jpg", lambda: None).width == 240


def scripted(error: Exception) -> Callable[..., Any]:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_a_picture_whose_attempt_is_over_waits_no_longer(make: Callable[..., Pool], tmp_path: Path) -> None:
    pool, begun, note = make(), tmp_path / "begun", tmp_path / "note"
    checkpoint = scripted(Stopped("the worker is shutting down"))
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(pool.render, f"nap_until {note} {begun}")
        while not begun.exists():
            assert not slow.done()
        waits = threads.submit(pool.decoders.render, PHOTO, FileFormat.JPEG, "m-1", "b.jpg", checkpoint)
        try:
            with pytest.raises(Stopped):
                waits.result(30)
            assert not slow.done()
        finally:
            note.touch()
        assert threads.submit(pool.render).result(30).width == 320, "who waits no longer gets no child"
        with pytest.raises(Stopped):  # nor does one that needn't wait
            threads.submit(pool.decoders.render, PHOTO, FileFormat.JPEG, "m-1", "b.jpg", checkpoint).result(30)
    assert pool.reasons == []


def test_a_picture_waits_for_no_thread_that_has_ended(make: Callable[..., Pool]) -> None:
    pool = make()
    pool.decoders.close()
    with pytest.raises(Transient, match="the thread that starts the decoders has ended"):
        pool.render()


def test_one_duty_of_the_keeper_that_fails_each_time_keeps_none_of_the_others_undone(
    make: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Children, "_end_overdue", scripted(RuntimeError("a bug")))
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(make().render).result(60).width == 320


def test_a_child_that_does_not_get_ready_is_ended(
    make: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "START_SECONDS", 0.0)
    pool = make()
    with pytest.raises(Transient, match="can't be started: it isn't ready after 0 s"):
        pool.render()
    monkeypatch.undo()
    assert pool.render().width == 320


def test_a_job_whose_pictures_hang_keeps_no_other_job_waiting(make: Callable[..., Pool]) -> None:
    pool = make(processes=1, seconds=4)
    with ThreadPoolExecutor(8) as threads:
        hung = [threads.submit(pool.render, "hang", "theirs") for _ in range(3)]
        for _ in range(8):
            pool.render(job="ours")
        assert not any(each.done() for each in hung), "the first one takes 4 s"
        pool.decoders.close()
    assert all(each.exception() for each in hung)
