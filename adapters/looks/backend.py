"""The backend: whether its name resolves, whether it can be reached, what it says to a callback for no job."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from adapters.endpoint import Endpoint, NoAnswer
from adapters.signature import signature_headers
from domain.checks.backend import judge_connection, unreachable
from domain.checks.finding import Finding
from domain.errors import Code, Transient
from domain.model import Failure, Job, Report, Status

PATIENCE = 3
"""Seconds, for a connection and for the TLS handshake each."""
NO_JOB = 2**53 - 1
"""The number of the job, and of the listing, that don't exist: the largest that JavaScript reads as it is."""


def resolve(url: str) -> Finding | None:
    """What is wrong with the name of the backend's host; None: nothing."""
    host, port, _ = _place(url)
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        advice = "mend CALLBACK_URL, or the DNS that this machine asks"
        return unreachable(f"the name {host} doesn't resolve: {error}", advice)
    return None


def connect(url: str) -> Finding:
    """Connect, and shake hands by TLS; nothing is sent."""
    host, port, tls = _place(url)
    if wrong := resolve(url):
        return wrong
    try:
        with socket.create_connection((host, port), PATIENCE) as connected:
            if tls:
                ssl.create_default_context().wrap_socket(connected, server_hostname=host).close()
            return judge_connection(
                f"{host}:{port}", tls, ipaddress.ip_address(connected.getpeername()[0]).is_loopback
            )
    except ssl.SSLCertVerificationError as error:
        advice = "renew the certificate, name the host that it is for, or add its issuer to this machine's"
        return unreachable(f"the certificate of {host}:{port} isn't good: {error.verify_message}", advice)
    except ssl.SSLError as error:
        return unreachable(
            f"{host}:{port} speaks no TLS: {error.reason or error}", "look at scheme and port in CALLBACK_URL"
        )
    except OSError as error:
        advice = "look at the backend, its port, and the firewalls on the way"
        return unreachable(f"{host}:{port} can't be reached: {error}", advice)


def call_back_for_no_job(
    url: str, secret: str, body: Callable[[Report], bytes], seconds: float
) -> tuple[int, int]:
    """The statuses of two callbacks for a job that doesn't exist: with a spoiled signature, and with a good one.

    Raises Transient where no answer comes.
    """
    name = f"check-{uuid.uuid4().hex}"
    endpoint, data = Endpoint(url, seconds), body(_report(name))
    plain = {"Content-Type": "application/json", "User-Agent": "media-worker"}
    try:
        spoiled, signed = (
            endpoint.post(data, {**plain, **signature_headers(key, name, datetime.now(UTC), data)}).status
            for key in (secret.encode() + b"-spoiled", secret.encode())
        )
    except NoAnswer as error:
        raise Transient(f"the backend gave no answer: {error}") from error
    return spoiled, signed


def _report(name: str) -> Report:
    now = datetime.now(UTC)
    why = "media-worker check: this job doesn't exist"
    report = Report(Job(NO_JOB, NO_JOB, name), Status.PROCESSING_FAILED, now, now, ())
    return replace(report, failure_reason=why, error=Failure(Code.PROCESSING_FAILED, why))


def _place(url: str) -> tuple[str, int, bool]:
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    return parts.hostname or "", parts.port or (443 if tls else 80), tls
