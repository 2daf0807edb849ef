"""`media-worker verify`: is this callback ours?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from worker.desk.errors import DeskError
from worker.desk.say import AsJson, say
from worker.desk.wiring import standard_signature
from worker.settings import Signing, load_settings

GENUINE = "genuine: it was signed with this CALLBACK_SECRET"
NOT_OURS = "not ours: the body, a header or CALLBACK_SECRET is another one; take the body's bytes as they came"

Id = Annotated[str, typer.Option("--id", help="The header webhook-id.")]
Timestamp = Annotated[str, typer.Option(help="The header webhook-timestamp.")]
Signature = Annotated[str, typer.Option(help="The header webhook-signature: v1, and base64.")]


def verify(
    body: Annotated[str, typer.Argument(help="The file with the body's bytes as they came; - is standard input.")],
    webhook_id: Id,
    timestamp: Timestamp,
    signature: Signature,
    as_json: AsJson = False,
) -> int:
    """Say whether a callback was signed with CALLBACK_SECRET. Exit status: 0 if so, 1 if not.

    Example: media-worker verify body.json --id msg_1 --timestamp 1767614400 --signature v1,…
    """
    secret = load_settings(Signing).callback_secret.get_secret_value().encode()
    genuine = standard_signature(secret, webhook_id, timestamp, _read(body)) in signature.split()
    say(as_json, {"genuine": genuine}, lambda: GENUINE if genuine else NOT_OURS)
    return 0 if genuine else 1


def _read(path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise DeskError(f"the body can't be read: {error}") from None
