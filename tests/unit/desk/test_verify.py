from __future__ import annotations

import json
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.unit.desk.conftest import Command

SECRET = "night-desk-secret-of-32-characters"
BODY = '{"jobId": 21}'


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CALLBACK_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def body(tmp_path: Path) -> str:
    file = tmp_path / "body.json"
    file.write_text(BODY)
    return str(file)


@pytest.fixture
def headers() -> tuple[str, ...]:
    """As somebody else's library signs it."""
    from base64 import b64encode
    from datetime import UTC, datetime

    at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    signature = Webhook(b64encode(SECRET.encode()).decode()).sign("msg_1", at, BODY)
    return ("--id", "msg_1", "--timestamp", str(int(at.timestamp())), "--signature", signature)


def test_a_callback_with_our_signature_is_ours(command: Command, body: str, headers: tuple[str, ...]) -> None:
    assert command("verify", body, *headers)[0] == 0
    assert json.loads(command("verify", body, *headers, "--json")[1]) == {"genuine": True}


def test_one_that_was_changed_is_not(command: Command, body: str, headers: tuple[str, ...]) -> None:
    Path(body).write_text(BODY + "\n")
    status, said, _ = command("verify", body, *headers)
    assert status == 1
    assert said.startswith("not ours: ")


def test_one_of_several_signatures_is_enough(command: Command, body: str, headers: tuple[str, ...]) -> None:
    *others, signature = headers
    assert command("verify", body, *others, f"v1,old {signature}")[0] == 0


def test_a_body_that_is_not_there_is_one_line(command: Command, headers: tuple[str, ...]) -> None:
    status, said, error = command("verify", "no-such-file", *headers)
    assert (status, said) == (1, "")
    assert error.startswith("media-worker: the body can't be read: ")
    assert error.count("\n") == 1
