from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import ModuleType

import pytest

from worker import cli
from worker.signals import ENDS, Signals


@pytest.fixture
def signals() -> Iterator[Signals]:
    before = {number: signal.getsignal(number) for number in ENDS}
    yield Signals()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_comes_before_it_is_waited_for_is_kept(signals: Signals, number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    assert signals.wait(30) is number


def test_a_signal_that_comes_while_the_worker_is_imported_is_kept(
    signals: Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Imported(ModuleType):
        def run(self, signals: Signals) -> int:
            return signals.wait(0) or 0

        def __getattribute__(self, name: str) -> object:
            if name == "run":
                os.kill(os.getpid(), signal.SIGTERM)
            return super().__getattribute__(name)

    monkeypatch.setitem(sys.modules, "worker.run", Imported("worker.run"))
    assert cli.main(["run"]) == signal.SIGTERM
    assert signals.wait(0) is None, "the command's own handler had it"


def test_a_signal_ends_the_wait(signals: Signals) -> None:
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert signals.wait(30) is signal.SIGTERM


def test_no_signal_is_none(signals: Signals) -> None:
    assert signals.wait(0.01) is None


def test_a_signal_that_another_thread_gets_is_returned_by_the_next_wait_at_the_latest(signals: Signals) -> None:
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    assert other.ident
    signal.pthread_kill(other.ident, signal.SIGTERM)
    assert signals.wait(0.2) or signals.wait(0) is signal.SIGTERM
    done.set()
    other.join()


def test_each_signal_is_returned_once(signals: Signals) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    assert {signals.wait(30), signals.wait(30)} == {signal.SIGTERM, signal.SIGINT}
    assert signals.wait(0) is None
