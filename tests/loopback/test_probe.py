"""`media-worker health`, against answers of every kind."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.processes import free_port
from devstack.serving import LocalServer, QuietHandler
from worker.cli import main
from worker.probe import DEFAULT_PORT, probe
from worker.settings import Settings

ANSWERS = {"/livez": (200, b"ok\n"), "/readyz": (503, b"the last poll is 71 s old\nand so is the heartbeat\n")}


class Handler(QuietHandler):
    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        status, body = ANSWERS[self.path]
        self.answer(status, {}, body)


def test_its_exit_status_is_the_answers_and_it_prints_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with LocalServer(Handler, "127.0.0.1", 0) as server:
        monkeypatch.setenv("HTTP_PORT", str(server.port))
        assert [main(["health"]), main(["health", "--live"]), main(["health", "--ready"])] == [0, 0, 1]
    ready = "the last poll is 71 s old; and so is the heartbeat"
    assert capsys.readouterr().out.splitlines() == ["ok", "ok", ready]


def test_nobody_at_the_port_is_not_well(monkeypatch: pytest.MonkeyPatch) -> None:
    port = str(free_port())
    monkeypatch.setenv("HTTP_PORT", port)
    good, answer = probe("/livez")
    assert not good
    assert answer.startswith(f"no answer at port {port}: ")


def test_a_worker_that_does_not_answer_in_time_is_not_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.probe.TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HTTP_PORT", str(silent.getsockname()[1]))
        good, answer = probe("/livez")
    assert not good
    assert "timed out" in answer


def test_a_port_that_is_turned_off_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PORT", "0")
    assert probe("/livez")[0]


def test_the_port_is_the_one_that_run_listens_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert Settings.model_fields["http_port"].default == DEFAULT_PORT
    monkeypatch.setenv("HTTP_PORT", "")  # undone afterwards, whatever .env says
    monkeypatch.delenv("HTTP_PORT")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("HTTP_PORT=0\n")
    assert probe("/livez")[0]


def test_it_imports_nothing_but_the_standard_library_and_itself(tmp_path: Path) -> None:
    program = (
        "import sys; before = set(sys.modules); from worker.cli import main; main(['health']);"
        "print(*set(sys.modules) - before, sep='\\n')"
    )
    environment = {"HTTP_PORT": str(free_port())}
    said = subprocess.check_output([sys.executable, "-c", program], cwd=tmp_path, env=environment, text=True)
    _, *imported = said.splitlines()
    assert "worker.probe" in imported
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names | {"worker"}
