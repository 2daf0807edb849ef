"""A POST ends in time, over real sockets, whatever the other side does."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from adapters import endpoint as module
from adapters.endpoint import Endpoint, NoAnswer

SECONDS = 0.4
pytestmark = pytest.mark.timeout(20)  # without an end of its own a POST hangs here

Behaviour = Callable[[socket.socket, threading.Event], None]


@contextmanager
def server(behaviour: Behaviour) -> Iterator[int]:
    """The port of a server that behaves so to one connection; it may wait for an event that comes at the end."""
    over = threading.Event()
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    stack.callback(end, connection)
                    behaviour(connection, over)

        thread = threading.Thread(target=serve)
        stack.callback(thread.join)
        thread.start()
        stack.callback(over.set)
        yield listener.getsockname()[1]


def end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def posted(port: int, scheme: str = "http", body: bytes = b"{}") -> module.Answer:
    return Endpoint(f"{scheme}://127.0.0.1:{port}/callback?a=b", SECONDS).post(body, {"X-A": "b"})


def drip(connection: socket.socket, over: threading.Event, first: bytes, drop: bytes) -> None:
    """Send the drop again and again, until the other side ends the connection."""
    connection.sendall(first)
    while not over.wait(0.01):
        connection.sendall(drop)


def drip_headers(connection: socket.socket, over: threading.Event) -> None:
    drip(connection, over, b"HTTP/1.1 200 OK\r\nX-Long: ", b"x")


def drip_the_status(connection: socket.socket, over: threading.Event) -> None:
    drip(connection, over, b"HTTP/1.1 200 ", b"O")


def go_on_for_ever(connection: socket.socket, over: threading.Event) -> None:
    drip(connection, over, b"", b"HTTP/1.1 100 Continue\r\n\r\n")


def flood_with_continue(connection: socket.socket, over: threading.Event) -> None:
    while not over.is_set():
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def drip_the_handshake(connection: socket.socket, over: threading.Event) -> None:
    """The beginning of a TLS record of 16 KiB."""
    drip(connection, over, b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"x")


def say_nothing(connection: socket.socket, over: threading.Event) -> None:
    over.wait()


@pytest.mark.parametrize(
    ("behaviour", "scheme", "body"),
    [
        (drip_headers, "http", b"{}"),
        (drip_the_status, "http", b"{}"),
        (go_on_for_ever, "http", b"{}"),
        (flood_with_continue, "http", b"{}"),
        (drip_the_handshake, "https", b"{}"),
        (say_nothing, "https", b"{}"),
        (say_nothing, "http", b"{}"),
        (say_nothing, "http", bytes(64 * 1024 * 1024)),
    ],
    ids=["headers", "status", "continue", "flood", "handshake", "no handshake", "no answer", "body unread"],
)
def test_it_ends_in_time_and_leaves_no_thread(behaviour: Behaviour, scheme: str, body: bytes) -> None:
    with server(behaviour) as port:
        before = set(threading.enumerate())
        with pytest.raises(NoAnswer, match=r"none within 0\.4 s"):
            posted(port, scheme, body)
        assert set(threading.enumerate()) <= before


def test_many_addresses_that_do_not_answer_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.1)
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = full.getsockname()[1]
        for _ in range(3):  # what is not accepted fills the queue; the next one isn't answered
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))] * 2000
        resolved = iter([addresses])
        real = socket.getaddrinfo

        def many(*asked: Any, **options: Any) -> Any:
            return next(resolved, None) or real(*asked, **options)

        monkeypatch.setattr(socket, "getaddrinfo", many)
        with pytest.raises(NoAnswer, match=r"none within 0\.4 s"):
            posted(port)


def test_an_address_that_refuses_leaves_the_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo
    with server(answering(b"HTTP/1.1 204 No Content\r\n\r\n")) as port:

        def two(host: str, *asked: Any, **options: Any) -> Any:
            good = real("127.0.0.1", *asked, **options)
            return [(*good[0][:4], ("127.0.0.9", port)), *good] if host == "backend.example" else good

        monkeypatch.setattr(socket, "getaddrinfo", two)
        assert Endpoint(f"http://backend.example:{port}/", 10).post(b"{}", {}).status == 204


def answering(answer: bytes, heard: list[bytes] | None = None) -> Behaviour:
    def behave(connection: socket.socket, over: threading.Event) -> None:
        request = b""
        while not request.endswith(b"{}"):
            request += connection.recv(65536)
        if heard is not None:
            heard.append(request)
        connection.sendall(answer)

    return behave


def test_the_request_is_whole_and_the_answers_body_is_not_waited_for() -> None:
    heard: list[bytes] = []
    before = set(threading.enumerate())
    with server(answering(b"HTTP/1.1 503 No\r\nContent-Length: 99\r\nRetry-After:  7 \r\n\r\n", heard)) as port:
        answer = Endpoint(f"http://127.0.0.1:{port}/callback?a=b", 10).post(b"{}", {"X-A": "b"})
    assert (answer.status, answer.retry_after) == (503, "7")
    assert set(threading.enumerate()) <= before, "nobody waits for the end of a try that is over"
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /callback?a=b HTTP/1.1\r\n")
    assert f"\r\nHost: 127.0.0.1:{port}\r\n".encode() in head
    assert b"\r\nContent-Length: 2\r\n" in head
    assert head.endswith(b"\r\nX-A: b")
    assert body == b"{}"


def test_an_interim_answer_is_not_the_answer() -> None:
    with server(answering(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")) as port:
        assert posted(port).status == 200


def test_an_answer_before_the_whole_body_is_read_counts() -> None:
    """As a proxy does that takes no more than so many bytes."""

    def refuse(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\n\r\n")

    with server(refuse) as port:
        assert Endpoint(f"http://127.0.0.1:{port}/", 10).post(bytes(64 * 1024 * 1024), {}).status == 413


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://no-such-host.invalid/", f"http://{'x' * 70}.example/"]
)
def test_a_host_that_is_not_there_is_no_answer(url: str) -> None:
    with pytest.raises(NoAnswer, match=r"^\w+: .+"):
        Endpoint(url, 10).post(b"{}", {})


def over_tls(certificate: Path, behaviour: Behaviour) -> Behaviour:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def behave(connection: socket.socket, over: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            behaviour(encrypted, over)

    return behave


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate


def test_a_host_whose_certificate_is_trusted_is_told(trusted: Path) -> None:
    with server(over_tls(trusted, answering(b"HTTP/1.1 200 OK\r\n\r\n"))) as port:
        assert Endpoint(f"https://127.0.0.1:{port}/", 10).post(b"{}", {}).status == 200


def test_dripped_headers_inside_tls_end_in_time(trusted: Path) -> None:
    with server(over_tls(trusted, drip_headers)) as port, pytest.raises(NoAnswer, match=r"none within 2 s"):
        Endpoint(f"https://127.0.0.1:{port}/", 2).post(b"{}", {})


def test_a_host_whose_certificate_nobody_vouches_for_is_told_nothing(certificate: Path) -> None:
    heard: list[bytes] = []
    with (
        server(over_tls(certificate, answering(b"", heard))) as port,
        pytest.raises(NoAnswer, match="CERTIFICATE"),
    ):
        Endpoint(f"https://127.0.0.1:{port}/", 10).post(b"{}", {})
    assert heard == []


def test_a_certificate_of_another_host_is_none(trusted: Path) -> None:
    behaviour = over_tls(trusted, answering(b""))
    with server(behaviour) as port, pytest.raises(NoAnswer, match="CERTIFICATE"):
        Endpoint(f"https://localhost:{port}/", 10).post(b"{}", {})
