"""The programs of docs/backend.md that verify a callback, on callbacks that were sent."""

from __future__ import annotations

import base64
import binascii
import json
import runpy
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from adapters.backend import SignedCallback
from adapters.callback import CallbackForm
from devstack.receiver import Answer, Receiver
from domain.errors import Code
from domain.model import Asset, Failure, Job, Report, Result, Status
from tests.fakes import FakeAttempt
from tests.snippets import programs

SECRET = "a-secret-of-the-tests"
BODY = CallbackForm("STEP_FUNCTIONS", "STEP_FUNCTIONS_FINALIZATION").body
BOTH, TOQ, WEBHOOK, NEITHER = [True, True], [True, False], [False, True], [False, False]


@dataclass(frozen=True, slots=True)
class Request:
    """One POST, its header names in lower case."""

    headers: Mapping[str, str]
    body: bytes

    def but(self, **headers: str) -> Request:
        return replace(self, headers={**self.headers, **{n.replace("_", "-"): v for n, v in headers.items()}})


Cases = Mapping[str, tuple[Request, list[bool]]]


def callback(secret: str = SECRET, age: timedelta = timedelta()) -> Request:
    """What the worker sends, so long ago."""
    asset = Asset("28/raw/photo/horizontal/é & ü.jpg")
    failed = Result(asset, Failure(Code.VALIDATION_ERROR, "there is no object"))
    now = datetime.now(UTC) - age
    report = Report(Job(21, 28, "message-1", (asset,)), Status.VALIDATION_FAILED, now, now, (failed,))
    with Receiver(secret) as receiver:
        receiver.plan(Answer(200))
        backend = SignedCallback(receiver.url, secret, BODY, lambda _: None, lambda: now)
        backend.notify(report, FakeAttempt())
        (received,) = receiver.callbacks
    return Request(received.headers, received.body)


@pytest.fixture(scope="module")
def cases() -> Cases:
    """Requests, and whether X-Toq-Signature and the headers of Standard Webhooks are good."""
    genuine = callback()
    signature = genuine.headers["webhook-signature"]
    return {
        "genuine": (genuine, BOTH),
        "another body": (replace(genuine, body=genuine.body.replace(b"21", b"22", 1)), NEITHER),
        "another secret": (callback("another-secret-of-the-tests"), NEITHER),
        "no signatures": (replace(genuine, headers={}), NEITHER),
        "a spoiled X-Toq-Signature": (genuine.but(x_toq_signature="0" * 64), WEBHOOK),
        "an empty X-Toq-Signature": (genuine.but(x_toq_signature=""), WEBHOOK),
        "a spoiled webhook-signature": (genuine.but(webhook_signature=signature[:-4] + "AAA="), TOQ),
        "an empty webhook-signature": (genuine.but(webhook_signature=""), TOQ),
        "another version's signature": (genuine.but(webhook_signature="v2" + signature[2:]), TOQ),
        "the second of two signatures": (genuine.but(webhook_signature=f"v1,AAAA {signature}"), BOTH),
        "another id": (genuine.but(webhook_id="msg_0"), TOQ),
        "another time": (genuine.but(webhook_timestamp=str(int(genuine.headers["webhook-timestamp"]) - 1)), TOQ),
        "a time that is none": (genuine.but(webhook_timestamp="today"), TOQ),
        "a time of very many digits": (genuine.but(webhook_timestamp="9" * 5000), TOQ),
        "ten minutes old": (callback(age=timedelta(minutes=10)), TOQ),
        "ten minutes early": (callback(age=timedelta(minutes=-10)), TOQ),
        "four minutes old": (callback(age=timedelta(minutes=4)), BOTH),
    }


@pytest.fixture(scope="module")
def given(cases: Cases) -> str:
    """The requests as the mains read them."""
    requests = [request for request, _ in cases.values()]
    return json.dumps(
        [{"headers": {**each.headers}, "body": base64.b64encode(each.body).decode()} for each in requests]
    )


def test_python_tells_good_signatures_from_bad_ones(cases: Cases) -> None:
    program = runpy.run_path(str(programs.PROGRAMS / "verify.py"))
    for name, (request, verdicts) in cases.items():
        said = [
            program[check](SECRET, request.headers, request.body) for check in ("verify_toq", "verify_webhook")
        ]
        assert said == verdicts, name


def test_typescript_tells_good_signatures_from_bad_ones(cases: Cases, given: str, tmp_path: Path) -> None:
    said = json.loads(programs.node(tmp_path, "verify_main.ts", given=given))
    assert dict(zip(cases, said, strict=True)) == verdicts_of(cases)


def test_go_tells_good_signatures_from_bad_ones_and_answers_so(cases: Cases, given: str, tmp_path: Path) -> None:
    said = json.loads(programs.go(tmp_path, "verify_main.go", ["verify.go", "answer.go"], given=given))
    assert dict(zip(cases, said["verdicts"], strict=True)) == verdicts_of(cases)
    for name, answers in zip(cases, said["answers"], strict=True):
        good = verdicts_of(cases)[name][1]
        stored, unknown_job, database_down = (204, 404, 503) if good else (401, 401, 401)
        assert answers == [stored, unknown_job, database_down], name
    assert said["oversized"] == 400


def verdicts_of(cases: Cases) -> dict[str, list[bool]]:
    return {name: verdicts for name, (_, verdicts) in cases.items()}


@pytest.mark.parametrize("secret", [SECRET, "YS1zZWNyZXQtb2YtdGhl"])
def test_the_library_of_standard_webhooks_wants_the_secret_in_base64(secret: str) -> None:
    verified = runpy.run_path(str(programs.PROGRAMS / "standard_webhooks.py"))["verified"]
    request = callback(secret)
    assert verified(secret, request.headers, request.body) == json.loads(request.body)
    with pytest.raises(WebhookVerificationError):
        verified(secret, request.headers, request.body + b" ")
    with pytest.raises((WebhookVerificationError, binascii.Error)):
        Webhook(secret).verify(request.body, dict(request.headers))


@pytest.mark.skipif(shutil.which("gofmt") is None, reason="there is no gofmt")
def test_the_go_is_in_gos_own_style() -> None:
    sources = [*programs.PROGRAMS.glob("*.go"), *programs.MAINS.glob("*.go")]
    assert len(sources) == 6
    assert subprocess.run(["gofmt", "-l", *sources], stdout=subprocess.PIPE, check=True).stdout == b""


@pytest.mark.parametrize("program", ["send.ts", "verify.ts"])
def test_the_typescript_is_javascript_once_its_types_are_gone(program: str, tmp_path: Path) -> None:
    strip = f"process.stdout.write(require('module').stripTypeScriptTypes(fs.readFileSync('{program}', 'utf8')))"
    stripped = programs.node(tmp_path, "--no-warnings", "--input-type=commonjs", "--eval", strip)
    (tmp_path / "stripped.mjs").write_text(stripped)
    programs.node(tmp_path, "--check", "stripped.mjs")
