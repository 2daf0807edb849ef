"""The backend's end of the callback: checks signatures as the backend does, and misbehaves when told to.

In a test, `with Receiver(secret) as receiver:`; as a process, `python -m devstack.receiver`.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from devstack.serving import LocalServer, QuietHandler
from devstack.signatures import GENUINE, verdict


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `Answer(302, {"Location": …})` is a redirect."""

    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes that need not be HTTP, after which the connection is closed; no bytes: closed without an answer."""

    data: bytes = b""


DROP = Raw()
GARBAGE = Raw(b"\x00\xff this is not HTTP \r\n\r\n")


@dataclass(frozen=True, slots=True)
class Hang:
    """Say nothing for so many seconds, or until `Receiver.release()`; then answer with `then`."""

    seconds: float | None = None
    then: Answer | Raw = DROP


Plan = Answer | Raw | Hang


@dataclass(frozen=True, slots=True)
class Callback:
    """One POST as it came in. `verdict` is "genuine" or what is wrong with its signatures.

    `payload` is the parsed JSON, None when the body is none; `received_at` in seconds since the epoch;
    `answered` is the status sent back, None as long as there is none.
    """

    path: str
    headers: Mapping[str, str]
    body: bytes
    payload: Any
    verdict: str
    received_at: float
    answered: int | None = None


Callbacks = tuple[Callback, ...]


class Receiver(LocalServer):
    """A context manager: an HTTP server in threads of this process, on loopback and a free port by default.

    It answers 200 to what is genuine and 401 to the rest, except where `plan` says otherwise: each POST takes
    the first planned answer, if there is one, whatever its signatures; or else what `rule` answers to it, None for
    the usual. `observer` hears of each callback.
    """

    def __init__(
        self,
        secret: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.time,
        observer: Callable[[Callback], None] = lambda _: None,
    ) -> None:
        self._secret = secret.encode()
        self._clock = clock
        self._observer = observer
        self._changed = threading.Condition()
        self._callbacks: list[Callback] = []
        self._plan: deque[Plan] = deque()
        self.rule: Callable[[Callback], Plan | None] = lambda _: None
        self._released = threading.Event()
        self.closed = False
        super().__init__(_handler(self), host, port)

    def close(self) -> None:
        self.closed = True
        self.release()
        super().close()

    @property
    def url(self) -> str:
        return f"{super().url}/callback"

    @property
    def callbacks(self) -> Callbacks:
        """Everything received so far, in order, whatever the answer was."""
        with self._changed:
            return tuple(self._callbacks)

    @property
    def acknowledged(self) -> Callbacks:
        """Those answered 2xx."""
        return tuple(callback for callback in self.callbacks if callback.answered in range(200, 300))

    def plan(self, *answers: Plan) -> None:
        """Queue answers for the next POSTs, one for each, in order."""
        with self._changed:
            self._plan.extend(answers)

    def drop_plan(self) -> None:
        """Answer as usual from now on."""
        with self._changed:
            self._plan.clear()

    def release(self) -> None:
        """Let every hanging POST have its answer, those that are yet to come too."""
        self._released.set()

    def wait_for(self, condition: int | Callable[[Callbacks], bool], timeout: float = 30) -> Callbacks:
        """Wait for so many callbacks, or for a predicate over all of them to hold, and return them.

        Asked anew when a callback comes in and when one is answered. Raises `TimeoutError` after `timeout` s.
        """
        enough = condition if callable(condition) else lambda callbacks: len(callbacks) >= condition
        with self._changed:
            if not self._changed.wait_for(lambda: enough(tuple(self._callbacks)), timeout):
                seen = [(callback.verdict, callback.answered) for callback in self._callbacks]
                raise TimeoutError(f"after {timeout:g} s the receiver had seen {seen}")
            return tuple(self._callbacks)

    def handle(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer | Raw:
        """Note a POST and decide on its answer, which is noted before it is sent."""
        now = self._clock()
        callback = Callback(path, headers, body, _parsed(body), verdict(headers, body, self._secret, now), now)
        with self._changed:
            index = len(self._callbacks)
            self._callbacks.append(callback)
            planned = self._plan.popleft() if self._plan else self.rule(callback)
            self._changed.notify_all()
        self._observer(callback)
        if isinstance(planned, Hang):
            self._released.wait(planned.seconds)
            planned = planned.then
        usual = Answer() if callback.verdict == GENUINE else Answer(HTTPStatus.UNAUTHORIZED)
        answer = planned or usual
        if isinstance(answer, Answer):
            with self._changed:
                self._callbacks[index] = replace(callback, answered=answer.status)
                self._changed.notify_all()
        return answer


def _handler(receiver: Receiver) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def _post(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.body()
            # A connection kept alive outlives the listener; a receiver that is gone must not answer on it.
            answer = DROP if receiver.closed else receiver.handle(self.path, headers, body)
            if isinstance(answer, Raw):
                self.wfile.write(answer.data)
                self.close_connection = True
            else:
                self.answer(answer.status, answer.headers, answer.body)

        def _get(self) -> None:
            if self.path == "/healthz":
                self.answer(HTTPStatus.OK, {}, b"ok")
            elif self.path == "/callbacks":
                listing = json.dumps([_shown(callback) for callback in receiver.callbacks], indent=2)
                self.answer(HTTPStatus.OK, {"Content-Type": "application/json"}, listing.encode())
            else:
                self.answer(HTTPStatus.NOT_FOUND, {}, b"")

        do_POST, do_GET = _post, _get  # noqa: N815 - the names that http.server calls

    return Handler


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _shown(callback: Callback) -> dict[str, Any]:
    return {
        "path": callback.path,
        "headers": callback.headers,
        "payload": callback.payload,
        "verdict": callback.verdict,
        "receivedAt": callback.received_at,
        "answered": callback.answered,
    }


def _print(callback: Callback) -> None:
    payload = callback.payload if isinstance(callback.payload, dict) else {}
    assets = payload.get("outputs", [])
    print(
        f"{callback.path} job {payload.get('jobId')} of listing {payload.get('listingId')}: "
        f"{payload.get('status')}, {len(assets)} assets, signatures {callback.verdict}",
        flush=True,
    )


def main() -> None:
    """Receive until SIGTERM or SIGINT, with `RECEIVER_HOST`, `RECEIVER_PORT` and `CALLBACK_SECRET`."""
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    receiver = Receiver(
        os.environ["CALLBACK_SECRET"],
        host=os.environ.get("RECEIVER_HOST", "127.0.0.1"),
        port=int(os.environ.get("RECEIVER_PORT", "9000")),
        observer=_print,
    )
    with receiver:
        print(f"listening on port {receiver.port}", flush=True)
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
