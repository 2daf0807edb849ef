import base64
from collections.abc import Mapping
from typing import Any

from standardwebhooks import Webhook


def verified(secret: str, headers: Mapping[str, str], body: bytes) -> Any:
    """The callback's JSON. Raises WebhookVerificationError."""
    return Webhook(base64.b64encode(secret.encode()).decode()).verify(body, dict(headers))
