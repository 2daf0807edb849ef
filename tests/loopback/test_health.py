"""The worker's HTTP port."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest

from tests.wiring import fakes


@pytest.fixture
def port() -> Iterator[int]:
    server = fakes().worker().health.serve(0)
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def answer(port: int, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers but for the date, and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path)
    response = connection.getresponse()
    headers = {name: value for name, value in response.getheaders() if name != "Date"}
    body = response.read()
    connection.close()
    return response.status, headers, body


@pytest.mark.parametrize(("path", "status"), [("/livez", 200), ("/readyz", 503), ("/nowhere", 404)])
def test_head_answers_as_get_does_without_the_body(port: int, path: str, status: int) -> None:
    got, head = answer(port, "GET", path), answer(port, "HEAD", path)
    assert got[0] == head[0] == status
    assert got[1] == head[1]
    assert int(got[1]["Content-Length"]) == len(got[2]) > 0
    assert head[2] == b""


def test_head_works_for_the_metrics_too(port: int) -> None:
    status, headers, body = answer(port, "HEAD", "/metrics")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 1000
