"""The callback's signature by Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac


def standard_signature(secret: bytes, webhook_id: str, timestamp: str, body: bytes) -> str:
    """The value of the header webhook-signature: https://www.standardwebhooks.com."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
