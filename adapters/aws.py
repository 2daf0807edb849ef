"""boto3's clients, and its errors as the domain's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from domain.errors import Conflict, NotFound, Permanent, Transient

_NOT_FOUND = frozenset({"404", "NoSuchKey", "NoSuchVersion"})
_CONFLICT = frozenset({"412", "409", "PreconditionFailed", "ConditionalRequestConflict", "NoSuchUpload"})
_PERMANENT = {
    "InvalidObjectState": "it is archived and must be restored first",
    "EntityTooLarge": "it is too large",
    "KeyTooLongError": "its key is too long",
}


@contextmanager
def errors_mapped(what: str) -> Iterator[None]:
    """Raise the domain's errors in place of boto3's; `what` says what was tried, for the message.

    What is not known to be for good is Transient: a missing permission or an expired credential is mended by
    somebody, and the message should still be there then.
    """
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _NOT_FOUND:
            raise NotFound(f"{what}: there is no such object") from error
        if code in _CONFLICT:
            raise Conflict(f"{what}: the object has changed meanwhile") from error
        if code in _PERMANENT:
            raise Permanent(f"{what}: {_PERMANENT[code]}") from error
        raise Transient(f"{what}: {error}") from error
    except (BotoCoreError, OSError) as error:
        raise Transient(f"{what}: {error}") from error


def s3_config(connections: int, path_style: bool) -> Config:
    """For bulk work: as many connections as there are threads, boto3's own retries and back-off.

    Emulators have no DNS name for each bucket, so they want it in the path.
    """
    return Config(
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": 4},
        s3={"addressing_style": "path" if path_style else "auto"},
    )


def poll_config(wait: int) -> Config:
    """For long polls: no retry of its own, since the consumer's next poll is one."""
    return Config(connect_timeout=3, read_timeout=wait + 10, retries={"total_max_attempts": 1})


def lease_config(connections: int) -> Config:
    """For heartbeats and settling: a short patience, so that a stalled call leaves time for another."""
    return Config(
        connect_timeout=2,
        read_timeout=4,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
