import base64
import hashlib
import hmac
import re
import time
from collections.abc import Mapping

TOLERANCE_SECONDS = 300


def verify_toq(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Check X-Toq-Signature against the body as it came, before any parsing. Header names in lower case."""
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return same(headers.get("x-toq-signature", ""), expected)


def verify_webhook(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Check the headers of Standard Webhooks. It also refuses what is older than the tolerance."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not re.fullmatch("[0-9]{1,12}", timestamp):
        return False
    if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    mac = hmac.new(secret.encode(), f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    expected = "v1," + base64.b64encode(mac.digest()).decode()
    return any(same(given, expected) for given in headers.get("webhook-signature", "").split(" "))


def same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
