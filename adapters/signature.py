"""The callback's signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime


def standard_signature(secret: bytes, webhook_id: str, timestamp: str, body: bytes) -> str:
    """The value of the header webhook-signature: https://www.standardwebhooks.com."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def signature_headers(secret: bytes, webhook_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """The signature headers: the one that today's backend checks, and those of https://www.standardwebhooks.com."""
    timestamp = str(int(at.timestamp()))
    return {
        "X-Toq-Signature": hmac.new(secret, body, hashlib.sha256).hexdigest(),
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": standard_signature(secret, webhook_id, timestamp, body),
    }
