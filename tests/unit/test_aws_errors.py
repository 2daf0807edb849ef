from __future__ import annotations

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)  # fmt: skip

from adapters.aws import connect, errors_mapped
from domain.errors import Conflict, NotFound, Permanent, Transient


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "so it is"}}, "Operation")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("404", NotFound),
        ("NoSuchKey", NotFound),
        ("412", Conflict),
        ("PreconditionFailed", Conflict),
        ("ConditionalRequestConflict", Conflict),
        ("NoSuchUpload", Conflict),
        ("InvalidObjectState", Permanent),
        ("KeyTooLongError", Permanent),
        ("EntityTooLarge", Permanent),
        ("SlowDown", Transient),
        ("RequestThrottled", Transient),
        ("KmsThrottled", Transient),
        ("ThrottlingException", Transient),
        ("InternalError", Transient),
        ("500", Transient),
        ("503", Transient),
        ("RequestTimeout", Transient),
        ("ExpiredToken", Transient),
        ("ExpiredTokenException", Transient),
        ("AccessDenied", Transient),
        ("NoSuchBucket", Transient),
        ("AWS.SimpleQueueService.NonExistentQueue", Transient),
        ("", Transient),
    ],
)
def test_each_code_says_what_to_do(code: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="try it") as mapped, errors_mapped("try it"):
        raise client_error(code)
    assert type(mapped.value) is error


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://x"),
        ConnectTimeoutError(endpoint_url="http://x"),
        ReadTimeoutError(endpoint_url="http://x"),
        NoCredentialsError(),
        BotoCoreError(),
        ConnectionResetError("reset"),
        TimeoutError("slow"),
    ],
)
def test_the_network_and_the_credentials_may_come_back(error: Exception) -> None:
    with pytest.raises(Transient), errors_mapped("try it"):
        raise error


def test_a_bug_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), errors_mapped("try it"):
        raise ZeroDivisionError


def test_a_missing_region_is_said_and_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(Transient, match="region"):
        connect(None, emulated=False, connections=1, jobs=1, long_poll=20)


def test_polls_and_leases_have_clients_and_patience_of_their_own() -> None:
    clients = connect("us-east-1", emulated=True, connections=7, jobs=3, long_poll=20)
    assert clients.poll is not clients.lease
    poll, lease, s3 = (vars(client.meta.config) for client in (clients.poll, clients.lease, clients.s3))
    assert poll["_user_provided_options"]["read_timeout"] > 20, "above the long poll"
    assert lease["_user_provided_options"]["read_timeout"] < 20, "below a third of the visibility timeout"
    assert s3["_user_provided_options"]["max_pool_connections"] == 7
