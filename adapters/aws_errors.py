"""boto3's errors, mapped to the domain's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    FlexibleChecksumError,
    NoCredentialsError,
    ParamValidationError,
)
from urllib3.exceptions import HTTPError

from domain.errors import Archived, Conflict, Dependency, MediaError, NotFound, Permanent, Transient, Unavailable

NOT_FOUND = frozenset(
    {"404", "NoSuchKey", "NoSuchVersion", "NoSuchEntity", "NotFoundException"}
    | {"ServerSideEncryptionConfigurationNotFoundError"}
)
CONFLICT = frozenset({"412", "409", "PreconditionFailed", "ConditionalRequestConflict", "NoSuchUpload"})
_NEVER_SENT = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError, ParamValidationError)
_CREDENTIALS = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidToken"}
    | {"RequestExpired", "TokenRefreshRequired", "UnrecognizedClientException"}
)
_EVERYBODYS = frozenset({"NoSuchBucket", "RequestLimitExceeded", "SlowDown", "TooManyRequestsException"})
_EVERYBODYS_STATUS = frozenset({429, 502, 503, 504})
BAD_REQUEST, _FORBIDDEN, _SERVER_ERROR = 400, 403, 500
_PERMANENT = {
    "EntityTooLarge": "it is too large",
    "KeyTooLongError": "its key is too long",
    "BadRequestException": "it isn't taken as it is",
}


@contextmanager
def errors_mapped(what: str, of: Dependency | None = None) -> Iterator[None]:
    """Raise the domain's errors in place of boto3's; `what` says what was tried, for the message.

    Every error that isn't known to be permanent is Transient: a missing permission or an expired credential is
    mended by somebody, and the message should still be there then. What may be the trouble of all jobs is
    Unavailable, where the service is one that they depend on (`of`).
    """
    try:
        yield
    except ClientError as error:
        code = _code(error)
        if code in NOT_FOUND:
            raise NotFound(f"{what}: there is none") from error
        if code in CONFLICT:
            raise Conflict(f"{what}: the object has changed meanwhile") from error
        if code == "InvalidObjectState":
            raise Archived(f"{what}: it is archived and must be restored first: {error}") from error
        if code in _PERMANENT:
            raise Permanent(f"{what}: {_PERMANENT[code]}: {error}") from error
        if of and (evident := _evident(error)) is not None:
            operation = "" if _about_credentials(error) else error.operation_name
            raise Unavailable(f"{what}: {error}", of, operation, evident) from error
        raise Transient(f"{what}: {error}") from error
    except (ParamValidationError, FlexibleChecksumError) as error:  # about this request, this object
        raise Transient(f"{what}: {error}") from error
    except (BotoCoreError, HTTPError, OSError) as error:  # HTTPError: the connection broke within a short answer
        if of:
            raise Unavailable(f"{what}: {error}", of) from error
        raise Transient(f"{what}: {error}") from error


bucket_errors = partial(errors_mapped, of=Dependency.BUCKET)
mediaconvert_errors = partial(errors_mapped, of=Dependency.MEDIACONVERT)


def refused(error: MediaError) -> bool:
    """Whether the service has answered that it didn't do what was asked; otherwise it may have done it."""
    match error.__cause__:
        case ClientError() as cause:
            return cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _SERVER_ERROR) < _SERVER_ERROR
        case cause:
            return isinstance(cause, _NEVER_SENT)


def _evident(error: ClientError) -> bool | None:
    """Whether the answer is about everybody for certain, or perhaps (False); None where it is about this request.

    A HEAD has no body, so that all it says of expired credentials is 400.
    """
    code = _code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if _about_credentials(error) or code in _EVERYBODYS or "Throttl" in code or status in _EVERYBODYS_STATUS:
        return True
    if status == _FORBIDDEN or status >= _SERVER_ERROR or code == "400" or code.startswith("KMS."):
        return False
    return None


def _about_credentials(error: ClientError) -> bool:
    return _code(error) in _CREDENTIALS or error.operation_name.startswith("AssumeRole")


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
