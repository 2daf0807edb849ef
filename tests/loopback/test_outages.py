"""What AWS answers, through boto3's real parsers: an outage, perhaps one, or this job's own trouble."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from adapters.aws import hear
from adapters.aws_errors import bucket_errors, errors_mapped, mediaconvert_errors
from devstack.aws import session
from devstack.serving import LocalServer, QuietHandler
from domain.errors import Conflict, Dependency, NotFound, Permanent, Transient, Unavailable

if TYPE_CHECKING:
    from botocore.client import BaseClient

EVIDENT, PERHAPS, ITS_OWN = True, False, None


def error_body(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>as ordered</Message></Error>".encode()


@contextmanager
def answering(status: int, body: bytes, headers: dict[str, str] | None = None) -> Iterator[str]:
    class Answer(QuietHandler):
        def _answer(self) -> None:
            self.body()
            self.answer(status, headers or {}, body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

    with LocalServer(Answer, "127.0.0.1", 0) as server:
        yield server.url


def client_of(service: str, url: str) -> BaseClient:
    config = Config(
        connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
    )
    made: BaseClient = session().client(service, endpoint_url=url, config=config)  # type: ignore[call-overload]
    return made


def put(client: BaseClient) -> None:
    client.put_object(Bucket="bucket", Key="key", Body=b"data")  # type: ignore[attr-defined]


def head(client: BaseClient) -> None:
    client.head_object(Bucket="bucket", Key="key")  # type: ignore[attr-defined]


def head_bucket(client: BaseClient) -> None:
    client.head_bucket(Bucket="bucket")  # type: ignore[attr-defined]


def complete(client: BaseClient) -> None:
    client.complete_multipart_upload(Bucket="bucket", Key="key", UploadId="u")  # type: ignore[attr-defined]


def look_at_a_transcoding(client: BaseClient) -> None:
    client.get_job(Id="1")  # type: ignore[attr-defined]


def failure_of(call: Callable[[BaseClient], None], client: BaseClient) -> Exception:
    """The domain's error that the call ends with."""
    with pytest.raises(Transient) as raised, bucket_errors("try it"):
        call(client)
    return raised.value


def check(error: Exception, judged: bool | None, operation: str) -> None:
    if judged is ITS_OWN:
        assert type(error) is Transient
        return
    assert isinstance(error, Unavailable)
    assert (error.of, error.evident, error.operation) == (Dependency.BUCKET, judged, operation)


@pytest.mark.parametrize(
    ("status", "code", "judged", "operation"),
    [
        (503, "SlowDown", EVIDENT, "PutObject"),
        (503, "ServiceUnavailable", EVIDENT, "PutObject"),
        (503, "", EVIDENT, "PutObject"),
        (502, "", EVIDENT, "PutObject"),
        (504, "", EVIDENT, "PutObject"),
        (429, "", EVIDENT, "PutObject"),
        (400, "RequestLimitExceeded", EVIDENT, "PutObject"),
        (400, "ThrottlingException", EVIDENT, "PutObject"),
        (400, "KMS.ThrottlingException", EVIDENT, "PutObject"),
        (404, "NoSuchBucket", EVIDENT, "PutObject"),
        (400, "ExpiredToken", EVIDENT, ""),
        (403, "ExpiredToken", EVIDENT, ""),
        (403, "InvalidAccessKeyId", EVIDENT, ""),
        (400, "InvalidToken", EVIDENT, ""),
        (500, "InternalError", PERHAPS, "PutObject"),
        (500, "", PERHAPS, "PutObject"),
        (501, "NotImplemented", PERHAPS, "PutObject"),
        (403, "AccessDenied", PERHAPS, "PutObject"),
        (403, "SignatureDoesNotMatch", PERHAPS, "PutObject"),
        (400, "KMS.DisabledException", PERHAPS, "PutObject"),
        (400, "KMS.NotFoundException", PERHAPS, "PutObject"),
        (400, "InvalidArgument", ITS_OWN, ""),
        (416, "InvalidRange", ITS_OWN, ""),
    ],
)
def test_each_answer_is_judged_by_its_code_and_status(
    status: int, code: str, judged: bool | None, operation: str
) -> None:
    body = error_body(code) if code else b"<html>a balancer's own page</html>"
    with answering(status, body) as url:
        check(failure_of(put, client_of("s3", url)), judged, operation)


@pytest.mark.parametrize(
    ("status", "judged"),
    [
        (400, PERHAPS),
        (403, PERHAPS),
        (429, EVIDENT),
        (500, PERHAPS),
        (502, EVIDENT),
        (503, EVIDENT),
        (416, ITS_OWN),
    ],
)
def test_a_head_is_judged_by_its_status_alone(status: int, judged: bool | None) -> None:
    with answering(status, b"") as url:
        check(failure_of(head, client_of("s3", url)), judged, "HeadObject")


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "NoSuchKey", NotFound),
        (412, "PreconditionFailed", Conflict),
        (409, "ConditionalRequestConflict", Conflict),
        (404, "NoSuchUpload", Conflict),
        (400, "EntityTooLarge", Permanent),
    ],
)
def test_what_is_about_the_object_is_no_outage(status: int, code: str, error: type[Exception]) -> None:
    with answering(status, error_body(code)) as url, pytest.raises(error) as raised, bucket_errors("try it"):
        put(client_of("s3", url))
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("status", "code", "evident"),
    [
        (429, "TooManyRequestsException", EVIDENT),
        (400, "ExpiredTokenException", EVIDENT),
        (403, "ForbiddenException", PERHAPS),
        (500, "InternalServerErrorException", PERHAPS),
    ],
)
def test_mediaconvert_is_judged_in_the_same_way(status: int, code: str, evident: bool) -> None:
    headers = {"x-amzn-ErrorType": code}
    with (
        answering(status, b"{}", headers) as url,
        pytest.raises(Unavailable) as raised,
        mediaconvert_errors("try it"),
    ):
        look_at_a_transcoding(client_of("mediaconvert", url))
    assert (raised.value.of, raised.value.evident) == (Dependency.MEDIACONVERT, evident)


def test_what_cannot_be_reached_is_out() -> None:
    check(failure_of(put, client_of("s3", "http://127.0.0.1:9")), EVIDENT, "")


def test_what_does_not_answer_in_time_is_out() -> None:
    released = threading.Event()

    class Silent(QuietHandler):
        def _wait(self) -> None:
            released.wait(30)

        do_PUT = _wait  # noqa: N815 - the name that http.server calls

    with LocalServer(Silent, "127.0.0.1", 0) as server:
        check(failure_of(put, client_of("s3", server.url)), EVIDENT, "")
        released.set()


def test_what_speaks_no_tls_is_out() -> None:
    with answering(200, b"") as url:
        error = failure_of(put, client_of("s3", url.replace("http:", "https:")))
    check(error, EVIDENT, "")
    assert "SSL" in str(error)


def test_credentials_that_there_are_not_are_everybodys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    client = boto3.Session(region_name="us-east-1").client("s3", endpoint_url="http://127.0.0.1:9")
    error = failure_of(put, client)
    check(error, EVIDENT, "")
    assert "credentials" in str(error)


def test_a_request_that_botocore_refuses_to_send_is_the_jobs_own() -> None:
    def call(client: BaseClient) -> None:
        client.put_object(Bucket="bucket", Key=7)  # type: ignore[attr-defined]

    check(failure_of(call, client_of("s3", "http://127.0.0.1:9")), ITS_OWN, "")


def test_bytes_that_do_not_fit_their_checksum_are_that_objects_trouble() -> None:
    def call(client: BaseClient) -> None:
        client.get_object(Bucket="bucket", Key="key", ChecksumMode="ENABLED")["Body"].read()  # type: ignore[attr-defined]

    with answering(200, b"data", {"x-amz-checksum-crc32": "AAAAAA=="}) as url:
        check(failure_of(call, client_of("s3", url)), ITS_OWN, "")


def test_where_no_job_depends_on_it_nothing_is_out() -> None:
    with (
        answering(503, error_body("SlowDown")) as url,
        pytest.raises(Transient) as raised,
        errors_mapped("try it"),
    ):
        put(client_of("s3", url))
    assert type(raised.value) is Transient


@pytest.mark.parametrize(
    ("call", "status", "body", "heard"),
    [
        (put, 200, b"", ["PutObject"]),
        (put, 412, error_body("PreconditionFailed"), ["PutObject"]),
        (put, 404, error_body("NoSuchBucket"), []),
        (put, 403, error_body("AccessDenied"), []),
        (put, 503, error_body("SlowDown"), []),
        (put, 500, error_body("InternalError"), []),
        (head, 200, b"", ["HeadObject"]),
        (head, 404, b"", []),
        (head, 400, b"", []),
        (head_bucket, 200, b"", ["HeadBucket"]),
        (head_bucket, 404, b"", []),
        (complete, 200, b"<CompleteMultipartUploadResult/>", ["CompleteMultipartUpload"]),
        (complete, 200, error_body("InternalError"), []),
    ],
)
def test_a_success_is_what_was_done_or_refused_rightly(
    call: Callable[[BaseClient], None], status: int, body: bytes, heard: list[str]
) -> None:
    answers: list[str] = []
    with answering(status, body) as url:
        client = client_of("s3", url)
        hear(client, answers.append)
        with suppress(ClientError):
            call(client)
    assert answers == heard


def test_an_answer_that_never_comes_is_no_success() -> None:
    answers: list[str] = []
    client = client_of("s3", "http://127.0.0.1:9")
    hear(client, answers.append)
    failure_of(put, client)
    assert answers == []
