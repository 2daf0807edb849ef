"""boto3's clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from adapters.aws_errors import BAD_REQUEST, CONFLICT, NOT_FOUND, errors_mapped

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest, AWSResponse
    from botocore.client import BaseClient
    from botocore.model import OperationModel
    from mypy_boto3_mediaconvert import MediaConvertClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_PATIENT = Config(read_timeout=120, retries={"mode": "standard", "total_max_attempts": 1})
A_FEW = 16
"""Connections, for a command."""


def hear(client: BaseClient, answered: Callable[[str], None]) -> None:
    """Have `answered` called with the name of each operation that the service did, or refused rightly.

    Where a HEAD answers 404, without a body, the whole bucket may be gone.
    """

    def look(http_response: AWSResponse, parsed: Mapping[str, Any], model: OperationModel, **_: object) -> None:
        code = parsed.get("Error", {}).get("Code", "")
        refused_rightly = code in NOT_FOUND | CONFLICT and model.http["method"] != "HEAD"
        if http_response.status_code < BAD_REQUEST or refused_rightly:
            answered(model.name)

    client.meta.events.register("after-call", look)


def _require_the_whole_answer(
    operation_model: OperationModel, response_dict: Mapping[str, Any], **_: object
) -> None:
    """Raise where the connection ended within the body.

    botocore doesn't look: of a list of keys that is cut off after its headers it makes an empty one, and the
    bundle would be empty, too. A body that is streamed is checked while it is read.
    """
    body, length = response_dict["body"], response_dict["headers"].get("content-length")
    if operation_model.http["method"] != "HEAD" and isinstance(body, bytes) and length and len(body) < int(length):
        raise ConnectionClosedError(endpoint_url=f"{operation_model.name}, in the middle of its answer")


def _send_at_once(request: AWSRequest, **_: object) -> None:
    """Renditions and journals are small: waiting for a `100 Continue`, as botocore has it, costs a round trip."""
    del request.headers["Expect"]


@dataclass(frozen=True, slots=True)
class Clients:
    """boto3's clients. Polling and heartbeats have their own, so that a burst of S3 work can't starve a lease.

    `copier` waits longer, once: S3 answers when it has copied a part of gigabytes (`adapters/s3_copier.py`).
    """

    s3: S3Client
    copier: S3Client
    poll: SQSClient
    lease: SQSClient
    mediaconvert: MediaConvertClient | None


def connect(
    region: str | None,
    emulated: bool,
    connections: int = A_FEW,
    jobs: int = A_FEW,
    long_poll: int = 1,
    videos: bool = False,
) -> Clients:
    """Make the clients, once. What isn't said is as an operator's command wants it.

    `connections` is how many the bucket gets at most, `jobs` how many are in flight, `long_poll` is in seconds,
    `videos` says whether there is use for MediaConvert's client, which takes 4 MB.
    An emulator has no DNS name for each bucket, so it wants the bucket in the path.

    Raises:
        Transient: boto3 lacks something, such as a region.
    """
    s3 = Config(
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": 4},
        s3={"addressing_style": "path" if emulated else "auto"},
        user_agent="media-worker",  # botocore's own is composed anew for each request: a tenth of its CPU
    )
    # No retry here: the poller polls again.
    poll = Config(connect_timeout=3, read_timeout=long_poll + 10, retries={"total_max_attempts": 1})
    # Probe reads from the file before it answers. The regional endpoint is the plain one, for every account.
    mediaconvert = Config(
        connect_timeout=5,
        read_timeout=20,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    with errors_mapped("set up boto3"):
        session = _session(region)
        return Clients(
            session.client("s3", config=s3),
            session.client("s3", config=s3.merge(_PATIENT)),
            session.client("sqs", config=poll),
            session.client("sqs", config=_short_patience(jobs)),
            session.client("mediaconvert", config=mediaconvert) if videos else None,
        )


def connect_to_queue(region: str | None) -> SQSClient:
    """The `lease` client alone, for the looks of a start: the others cost memory.

    Raises:
        Transient: see `connect`.
    """
    with errors_mapped("set up boto3"):
        return _session(region).client("sqs", config=_short_patience(A_FEW))


def _session(region: str | None) -> boto3.Session:
    session = boto3.Session(region_name=region)
    session.events.register("before-parse", _require_the_whole_answer)
    session.events.register("request-created.s3.PutObject", _send_at_once)
    return session


def _short_patience(jobs: int) -> Config:
    """So that a stalled call leaves a lease time for another."""
    return Config(
        connect_timeout=2,
        read_timeout=4,
        max_pool_connections=jobs + 1,
        retries={"mode": "standard", "total_max_attempts": 2},
    )


def connect_to_iam(region: str | None) -> Any:
    """IAM's client, for one look; the service has no use for it.

    Raises:
        Transient: see `connect`.
    """
    brief = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
    with errors_mapped("set up boto3"):
        return boto3.Session(region_name=region).client("iam", config=brief)
