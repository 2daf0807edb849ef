"""Checks a callback's signatures as its receiver would, by their published rules alone.

`X-Toq-Signature` is the backend's own rule; the `webhook-*` headers are those of
https://github.com/standard-webhooks/standard-webhooks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

GENUINE = "genuine"
TOLERANCE = 300
"""How far a timestamp may be from the receiver's clock, in seconds: older ones may be replays."""


def verdict(headers: Mapping[str, str], body: bytes, secret: bytes, now: float) -> str:
    """Say `GENUINE`, or what is wrong. Header names in lower case; `now` in seconds since the epoch."""
    if not _same(headers.get("x-toq-signature", ""), hmac.new(secret, body, hashlib.sha256).hexdigest()):
        return "X-Toq-Signature is missing or wrong"
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id:
        return "webhook-id is missing"
    if not (timestamp.isascii() and timestamp.isdigit()):
        return "webhook-timestamp is missing or no number"
    if abs(now - int(timestamp)) > TOLERANCE:
        return "webhook-timestamp is too far from now"
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    expected = "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    if not any(_same(given, expected) for given in headers.get("webhook-signature", "").split(" ")):
        return "webhook-signature is missing or wrong"
    return GENUINE


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
