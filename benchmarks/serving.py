"""HTTP/1.1 for the servers in memory: one process, asyncio, connections that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

from benchmarks.pieces import Pieces

BUFFER = 4 * 1024 * 1024
"""Bytes of a body that are read ahead of its parser: larger ones wake it less often."""


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is unquoted; the names of `headers` are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A HEAD's has the body that a GET's would have: its length is told, and it isn't sent."""

    body: bytes | Pieces = b""
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


async def serve(port: int, answer: Callable[[Request], Awaitable[Answer]]) -> None:
    """Answer on loopback until the process ends."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                request = await _read(line, reader, writer)
                answered = await answer(request)
                writer.write(_head(answered))
                if request.method != "HEAD":
                    writer.writelines([answered.body] if isinstance(answered.body, bytes) else answered.body)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # a client that went away is the client's affair
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", port, limit=BUFFER)
    async with server:
        await server.serve_forever()


async def _read(line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
    method, target, _ = line.decode("ascii").split()
    headers = {}
    while (header := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = header.decode().partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("expect") == "100-continue":  # boto3 waits a second for it before it sends a body
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    path, _, query = target.partition("?")
    return Request(method, unquote(path), dict(parse_qsl(query, keep_blank_values=True)), headers, body)


def _head(answer: Answer) -> bytes:
    headers = {"Date": formatdate(usegmt=True), "Content-Length": str(len(answer.body)), **answer.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n{lines}\r\n".encode()
