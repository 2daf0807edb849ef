from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from devstack.receiver import DROP, GARBAGE, Answer, Callback, Callbacks, Hang, Receiver
from devstack.signatures import GENUINE, TOLERANCE, verdict

SECRET = "a-secret-of-the-tests"
NOW = 1_767_614_400
BODY = b'{"jobId": 21}'
# Made with `openssl dgst -sha256 -hmac`, so that the checker isn't tested against itself.
SIGNED = {
    "x-toq-signature": "6b6c5d0d40ac1bde05982fecccc9a0cf94cd9d90ff9816cadc7d899201f2baee",
    "webhook-id": "msg_1",
    "webhook-timestamp": str(NOW),
    "webhook-signature": "v1,bfaKlqiNcGXzta95pjKhSHukMybU3hcdH6MsAQ0m7M8=",
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(SECRET, clock=lambda: NOW) as running:
        yield running


def post(
    receiver: Receiver, body: bytes = BODY, headers: dict[str, str] | None = None, timeout: float = 10
) -> http.client.HTTPResponse:
    with closing(http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=timeout)) as connection:
        connection.request("POST", "/callback", body, SIGNED if headers is None else headers)
        with connection.getresponse() as response:
            return response


def judge(headers: dict[str, str], body: bytes = BODY, now: float = NOW) -> str:
    return verdict(headers, body, SECRET.encode(), now)


def test_a_genuine_callback_is_acknowledged_and_kept(receiver: Receiver) -> None:
    assert post(receiver).status == 200
    (callback,) = receiver.wait_for(1)
    assert callback.path == "/callback"
    assert callback.headers["webhook-id"] == "msg_1"
    assert (callback.body, callback.payload) == (BODY, {"jobId": 21})
    assert (callback.verdict, callback.received_at, callback.answered) == (GENUINE, NOW, 200)
    assert receiver.acknowledged == receiver.callbacks


@pytest.mark.parametrize("name", SIGNED)
def test_each_header_is_required(name: str) -> None:
    assert name in judge({key: value for key, value in SIGNED.items() if key != name}).lower()


@pytest.mark.parametrize(
    "change",
    [
        {"x-toq-signature": SIGNED["x-toq-signature"].upper()},
        {"x-toq-signature": "é"},
        {"webhook-id": "msg_2"},
        {"webhook-timestamp": str(NOW + 1)},
        {"webhook-timestamp": "soon"},
        {"webhook-signature": SIGNED["webhook-signature"].removeprefix("v1,")},
    ],
)
def test_a_changed_header_is_refused(change: dict[str, str]) -> None:
    assert judge(SIGNED) == GENUINE
    assert judge({**SIGNED, **change}) != GENUINE


def test_one_good_signature_of_several_is_enough() -> None:
    assert judge({**SIGNED, "webhook-signature": f"v1,bm8= {SIGNED['webhook-signature']}"}) == GENUINE


@pytest.mark.parametrize("seconds", [-TOLERANCE, TOLERANCE])
def test_a_timestamp_is_good_for_five_minutes_either_way(seconds: int) -> None:
    assert judge(SIGNED, now=NOW + seconds) == GENUINE
    assert "too far" in judge(SIGNED, now=NOW + seconds + (1 if seconds > 0 else -1))


def test_a_changed_body_is_answered_401_and_kept(receiver: Receiver) -> None:
    assert post(receiver, b'{"jobId": 22}').status == 401
    (callback,) = receiver.callbacks
    assert callback.payload == {"jobId": 22}
    assert callback.verdict == "X-Toq-Signature is missing or wrong"
    assert receiver.acknowledged == ()


def test_a_body_that_is_not_json_has_no_payload(receiver: Receiver) -> None:
    post(receiver, b"hello")
    assert receiver.callbacks[0].payload is None


def test_planned_answers_are_given_in_order_and_then_the_usual_one(receiver: Receiver) -> None:
    receiver.plan(Answer(503, {"Retry-After": "2"}), Answer(302, {"Location": "http://127.0.0.1:9/"}))
    first, second, third = post(receiver), post(receiver), post(receiver)
    assert (first.status, first.headers["Retry-After"]) == (503, "2")
    assert (second.status, second.headers["Location"]) == (302, "http://127.0.0.1:9/")
    assert third.status == 200
    assert [callback.answered for callback in receiver.callbacks] == [503, 302, 200]
    assert len(receiver.acknowledged) == 1


def test_a_dropped_callback_is_kept_but_not_acknowledged(receiver: Receiver) -> None:
    receiver.plan(DROP)
    with pytest.raises(http.client.RemoteDisconnected):
        post(receiver)
    assert [callback.answered for callback in receiver.callbacks] == [None]


def test_garbage_is_not_http(receiver: Receiver) -> None:
    receiver.plan(GARBAGE)
    with pytest.raises(http.client.BadStatusLine):
        post(receiver)
    assert receiver.acknowledged == ()


def test_a_hang_is_silent_until_released(receiver: Receiver) -> None:
    receiver.plan(Hang(then=Answer(204)))
    statuses: list[int] = []
    client = threading.Thread(target=lambda: statuses.append(post(receiver).status))
    client.start()
    assert receiver.wait_for(1)[0].answered is None
    receiver.release()
    client.join(10)
    assert statuses == [204]
    assert len(receiver.acknowledged) == 1


def test_a_hang_of_some_seconds_ends_by_itself(receiver: Receiver) -> None:
    receiver.plan(Hang(seconds=0.1))
    with pytest.raises(http.client.RemoteDisconnected):
        post(receiver)


def test_a_client_gives_up_on_a_hang(receiver: Receiver) -> None:
    receiver.plan(Hang())
    with pytest.raises(socket.timeout):
        post(receiver, timeout=0.1)
    assert len(receiver.callbacks) == 1


def test_wait_for_a_predicate_sees_the_answer_too(receiver: Receiver) -> None:
    def refused(callbacks: Callbacks) -> bool:
        return any(callback.answered == 401 for callback in callbacks)

    client = threading.Thread(target=lambda: post(receiver, b"forged"))
    client.start()
    assert receiver.wait_for(refused)[0].body == b"forged"
    client.join(10)


def test_wait_for_gives_up_and_says_what_it_saw(receiver: Receiver) -> None:
    post(receiver)
    with pytest.raises(TimeoutError, match="genuine"):
        receiver.wait_for(2, timeout=0.01)


def test_what_it_received_can_be_asked_for_over_http(receiver: Receiver) -> None:
    post(receiver)
    with closing(http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)) as connection:
        connection.request("GET", "/callbacks")
        (shown,) = json.loads(connection.getresponse().read())
        assert (shown["payload"], shown["verdict"], shown["answered"]) == ({"jobId": 21}, GENUINE, 200)
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok"


def test_a_receiver_that_is_gone_does_not_answer_on_an_old_connection() -> None:
    def ask() -> int:
        connection.request("POST", "/callback", BODY, SIGNED)
        with connection.getresponse() as response:
            return response.status

    with Receiver(SECRET, clock=lambda: NOW) as receiver:
        connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
        assert ask() == 200
    with pytest.raises(ConnectionError):
        ask()
    assert len(receiver.callbacks) == 1


def test_the_observer_hears_of_each_callback() -> None:
    heard: list[Callback] = []
    with Receiver(SECRET, clock=lambda: NOW, observer=heard.append) as receiver:
        post(receiver)
        assert heard == [replace(callback, answered=None) for callback in receiver.callbacks]


def test_a_callback_that_is_cut_off_within_its_body_was_never_received(receiver: Receiver) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as cut_off:
        cut_off.sendall(b"POST /callback HTTP/1.1\r\nContent-Length: 13\r\n\r\n" + BODY[:5])
        cut_off.shutdown(socket.SHUT_WR)
        assert cut_off.recv(1024) == b"", "no answer"
    assert receiver.callbacks == ()
