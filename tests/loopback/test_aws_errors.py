from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)  # fmt: skip
from urllib3.exceptions import ProtocolError

from adapters.aws import connect
from adapters.aws_errors import bucket_errors, errors_mapped
from adapters.journal import S3Journals
from adapters.s3 import S3Objects
from adapters.s3_copier import PATIENCE, Copier
from adapters.s3_upload import S3Upload
from adapters.sqs import SqsQueue
from devstack.aws import session, variables
from devstack.serving import LocalServer, QuietHandler
from domain.errors import Archived, CannotCopy, Conflict, NotFound, Permanent, Transient, Unavailable
from domain.journal import Ended, Ending, Journal
from domain.model import Job
from domain.ports import Entry
from tests.fakes import NOW
from worker.health import STALE_JOB
from worker.in_flight import STUCK_AFTER


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "so it is"}}, "Operation")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("404", NotFound),
        ("NoSuchKey", NotFound),
        ("NoSuchVersion", NotFound),
        ("412", Conflict),
        ("409", Conflict),
        ("PreconditionFailed", Conflict),
        ("ConditionalRequestConflict", Conflict),
        ("NoSuchUpload", Conflict),
        ("InvalidObjectState", Archived),
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


def config() -> Config:
    return Config(connect_timeout=1, retries={"total_max_attempts": 1})


def calls() -> dict[str, Callable[[], object]]:
    nowhere = "http://127.0.0.1:9"
    s3 = session().client("s3", endpoint_url=nowhere, config=config())
    sqs = session().client("sqs", endpoint_url=nowhere, config=config())
    objects = S3Objects(s3, "bucket", lambda way, count: None)
    journals = S3Journals(s3, "bucket")
    queue = SqsQueue(sqs, sqs, f"{nowhere}/queue")
    job = Job(21, 28, "m-1")
    return {
        "head": lambda: objects.head("key"),
        "read": lambda: list(objects.read("key", "etag")),
        "whole": lambda: objects.whole("key", "etag"),
        "write": lambda: objects.write("key", b"data", "image/jpeg", {}),
        "copy": lambda: objects.copy("key", "etag", "target", {}),
        "list": lambda: list(objects.list("28/")),
        "replace": lambda: objects.replace("key", None, "application/zip", {}).__enter__(),
        "mark_processed": lambda: objects.mark_processed("key", None),
        "mark_work": lambda: objects.mark_work("key"),
        "load": lambda: journals.load(job),
        "add": lambda: journals.add(job, Journal((Ended(1, NOW, Ending.RELEASED, "why"),))),
        "receive": lambda: queue.receive(1, 0, 60),
        "delete": lambda: queue.delete("handle"),
        "change_visibility": lambda: queue.change_visibility(["handle"], 60),
        "require": queue.require,
    }


@pytest.mark.parametrize("name", calls())
def test_whatever_is_asked_of_what_is_not_there_can_be_asked_again(name: str) -> None:
    with pytest.raises(Transient):
        calls()[name]()


def test_renditions_are_sent_at_once_and_parts_of_bundles_when_s3_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None, str | None]] = []

    class Asked(QuietHandler):
        def do_PUT(self) -> None:  # noqa: N802 - the name that http.server calls
            asked.append((self.path, self.headers["Expect"], self.headers["User-Agent"]))
            self.body()
            self.answer(200, {"ETag": '"e"'}, b"")

    with LocalServer(Asked, "127.0.0.1", 0) as server:
        for name, value in variables(server.url).items():
            monkeypatch.setenv(name, value)
        s3 = connect(None, emulated=True).s3
        S3Objects(s3, "bucket", lambda way, count: None).write("rendition", b"data", "image/jpeg", {})
        s3.upload_part(Bucket="bucket", Key="bundle", UploadId="u", PartNumber=1, Body=b"data")
    (_, expects, agent), (_, expects_for_part, _) = asked
    assert (expects, expects_for_part) == (None, "100-continue")
    assert agent is not None
    assert agent.startswith("media-worker ")


def cut_short(body: bytes) -> type[QuietHandler]:
    class CutShort(QuietHandler):
        def _answer(self) -> None:
            self.body()
            self.send_response(200)
            self.send_header("Content-Length", "500")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the names that http.server calls

    return CutShort


@pytest.mark.parametrize("body", [b"", b"<a/>", b"{}"], ids=["nothing", "XML", "JSON"])
def test_an_answer_that_is_cut_short_on_its_way_is_not_taken_for_the_whole(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    with LocalServer(cut_short(body), "127.0.0.1", 0) as server:
        for name, value in variables(server.url).items():
            monkeypatch.setenv(name, value)
        clients = connect(None, emulated=True, connections=2, jobs=1, long_poll=1, videos=False)
        objects = S3Objects(clients.s3, "bucket", lambda way, count: None)
        queue = SqsQueue(clients.poll, clients.lease, f"{server.url}/0/queue")
        for ask in (
            lambda: list(objects.list("28/")),
            lambda: list(objects.read("key", "etag")),
            lambda: objects.whole("key", "etag"),
            lambda: objects.copy("key", "etag", "target", {}),
            lambda: objects.mark_processed("key", None),
            lambda: S3Journals(clients.s3, "bucket").load(Job(21, 28, "m-1")),
            lambda: objects.replace("key", None, "application/zip", {}).__enter__(),
            lambda: queue.receive(1, 0, 60),
            lambda: queue.change_visibility(["handle"], 60),
        ):
            with pytest.raises(Transient):
                ask()


class FailedHalfway(QuietHandler):
    """S3 may answer 200 at once, and say in the body how a copy ended."""

    def do_PUT(self) -> None:  # noqa: N802 - the name that http.server calls
        self.answer(200, {}, b"<Error><Code>InternalError</Code><Message>try again</Message></Error>")


def test_an_answer_that_begins_well_and_ends_as_an_error_is_an_error() -> None:
    with LocalServer(FailedHalfway, "127.0.0.1", 0) as server:
        s3 = session().client("s3", endpoint_url=server.url, config=config())
        pauses: list[float] = []
        upload = S3Upload(s3, Copier(s3, pauses.append), "bucket", "key", "id", lambda way, count: None)
        with pytest.raises(CannotCopy, match="try again"):
            upload.copy(1, Entry("source", "etag", 10), range(10))
        assert len(pauses) == 3, "it was asked for again"


def test_a_bug_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), errors_mapped("try it"):
        raise ZeroDivisionError


def test_a_missing_region_is_said_and_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(Transient, match="region"):
        connect(None, emulated=False, connections=1, jobs=1, long_poll=20, videos=False)


def test_polls_and_leases_have_clients_and_patience_of_their_own() -> None:
    clients = connect("us-east-1", emulated=True, connections=7, jobs=3, long_poll=20, videos=True)
    assert clients.poll is not clients.lease
    poll, lease, s3, copier = (
        vars(client.meta.config) for client in (clients.poll, clients.lease, clients.s3, clients.copier)
    )
    assert poll["_user_provided_options"]["read_timeout"] > 20, "above the long poll"
    assert lease["_user_provided_options"]["read_timeout"] < 20, "below a third of the visibility timeout"
    assert s3["_user_provided_options"]["max_pool_connections"] == 7
    patient, usual = copier["_user_provided_options"], s3["_user_provided_options"]
    assert (patient["read_timeout"], usual["read_timeout"]) == (120, 30), "a copy is answered when it is done"
    assert {name for name in usual if patient[name] != usual[name]} == {"read_timeout", "retries"}
    assert clients.mediaconvert
    assert connect("us-east-1", False, 7, 3, 20, videos=False).mediaconvert is None, "it takes memory"


def test_boto3_gives_up_on_a_bucket_that_hangs_before_its_job_is_stuck() -> None:
    clients = connect("us-east-1", emulated=True)
    for client, between in ((clients.s3, 1 + 2 + 4), (clients.copier, PATIENCE)):
        options = vars(client.meta.config)["_user_provided_options"]
        attempts = options["retries"]["total_max_attempts"]
        assert attempts * (options["connect_timeout"] + options["read_timeout"]) + between < STUCK_AFTER
    assert STUCK_AFTER < STALE_JOB, "or the health check would come before it"


def test_a_connection_that_breaks_within_a_short_answer_is_a_transient_error_too() -> None:
    """botocore reads such a body itself, and lets urllib3's own error through."""
    with pytest.raises(Unavailable), bucket_errors("GET a"):
        raise ProtocolError("Connection broken")
    with pytest.raises(Transient), errors_mapped("receive"):
        raise ProtocolError("Connection broken")
