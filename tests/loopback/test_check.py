"""`media-worker check`, against AWS as moto and the emulators play it, and a backend."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from devstack.aws import session, variables
from devstack.mediaconvert import MediaConvertEmulator
from devstack.processes import free_port
from devstack.receiver import Answer, Receiver
from devstack.scripted import AwsAnswer, AwsError, ScriptedEndpoint
from devstack.signatures import GENUINE
from tests.contract.aws import Bucket, QueuePair
from worker.cli import main

SECRET = "a-secret-of-the-tests"
DENIED = AwsError(403, "AccessDenied")
Failures = dict[str, Mapping[str, Any]]


class RoleRefused(AwsError):
    """As IAM refuses a look at a role: it names no ARN."""

    def answer(self, operation: str) -> AwsAnswer:
        message = (
            "User: u is not authorized to perform: iam:GetRole on resource: role x because no policy allows it"
        )
        body = (
            f"<ErrorResponse><Error><Code>{self.code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        )
        return self.status, {"Content-Type": "text/xml"}, body.encode()


class LateEndpoint(ScriptedEndpoint):
    """AWS with a clock of its own: `behind` seconds behind."""

    behind = 0.0

    def forward(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AwsAnswer:
        status, answered, data = super().forward(method, path, headers, body)
        return status, {**answered, "Date": formatdate(time.time() - self.behind, usegmt=True)}, data


class Place:
    """All that a worker needs, as it should be."""

    def __init__(
        self, moto_url: str, aws: LateEndpoint, transcoder: MediaConvertEmulator, backend: Receiver
    ) -> None:
        self.aws = aws
        self.transcoder = transcoder
        self.backend = backend
        self.queues = QueuePair(moto_url, 5)
        self.bucket = Bucket(moto_url)
        self.s3 = self.bucket.client
        name = self.bucket.name
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        self.s3.put_bucket_encryption(
            Bucket=name,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
            },
        )
        self.iam = session().client("iam", endpoint_url=moto_url)
        self.role = self.trusting("mediaconvert.amazonaws.com")
        self.settings = {
            **variables(aws.url),
            "AWS_ENDPOINT_URL_MEDIACONVERT": transcoder.url,
            "QUEUE_URL": self.queues.url,
            "MEDIA_BUCKET": name,
            "CALLBACK_URL": backend.url,
            "CALLBACK_SECRET": SECRET,
            "MEDIACONVERT_ROLE_ARN": self.role,
            "IMAGE_PROCESSES": "1",
            "IMAGE_MEMORY": str(256 * 1024 * 1024),
        }

    def trusting(self, service: str) -> str:
        """The ARN of a role that the service may take on."""
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        role: str = self.iam.create_role(RoleName=f"r-{uuid.uuid4().hex}", AssumeRolePolicyDocument=policy)[
            "Role"
        ]["Arn"]
        return role

    def set(self, url: str, **attributes: str) -> None:
        self.queues.client.set_queue_attributes(QueueUrl=url, Attributes=attributes)  # type: ignore[arg-type]


@pytest.fixture
def place(moto_url: str) -> Iterator[Place]:
    s3 = session().client("s3", endpoint_url=moto_url)
    with LateEndpoint(moto_url) as aws, MediaConvertEmulator(s3) as transcoder, Receiver(SECRET) as backend:
        backend.rule = lambda callback: Answer(404) if callback.verdict == GENUINE else None
        yield Place(moto_url, aws, transcoder, backend)


@pytest.fixture
def failures(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Failures]:
    """Check, with these settings in place of the good ones; what was found wrong, by its name."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **settings: str) -> Failures:
        for name, value in {**place.settings, **settings}.items():
            monkeypatch.setenv(name, value)
        status = main(["check", "--json", *arguments])
        said = json.loads(capsys.readouterr().out)
        wrong = {finding["name"]: finding for finding in said["findings"] if not finding["good"]}
        assert (status, said["good"]) == (1 if wrong else 0, not wrong)
        assert all(finding["seen"] and finding["means"] and finding["advice"] for finding in wrong.values())
        return wrong

    return run


def test_a_good_place_is_good_and_says_so_to_people(
    place: Place, failures: Callable[..., Failures], capsys: pytest.CaptureFixture[str]
) -> None:
    assert failures("--callback") == {}
    assert main(["check", "--callback"]) == 0
    said = capsys.readouterr().out
    assert said.endswith("18 checks, all ✓\n")
    assert "✗" not in said
    assert "\x1b" not in said, "no colours where no terminal reads"


def test_what_a_check_puts_expires_and_is_of_no_listing(place: Place, failures: Callable[..., Failures]) -> None:
    failures()
    found = place.s3.list_objects_v2(Bucket=place.bucket.name)["Contents"]
    assert len(found) == 2
    for entry in found:
        assert entry["Key"].startswith("0/work/checks/")
        assert place.bucket.tags(entry["Key"]) == {"stage": "work"}


def test_without_the_option_nothing_is_sent_to_the_backend(
    place: Place, failures: Callable[..., Failures]
) -> None:
    failures()
    assert place.backend.callbacks == ()


def test_the_callbacks_are_for_a_job_that_does_not_exist_and_one_is_badly_signed(
    place: Place, failures: Callable[..., Failures]
) -> None:
    failures("--callback")
    spoiled, signed = place.backend.callbacks
    assert (spoiled.verdict == GENUINE, signed.verdict == GENUINE) == (False, True)
    assert signed.payload["jobId"] == 2**53 - 1
    assert spoiled.body == signed.body


@pytest.mark.parametrize(
    ("spoil", "wrong"),
    [
        (lambda place: place.set(place.queues.dlq_url, MessageRetentionPeriod="3600"), "DLQ: retention"),
        (lambda place: place.set(place.queues.dlq_url, SqsManagedSseEnabled="false"), "DLQ: encryption"),
        (lambda place: place.set(place.queues.url, SqsManagedSseEnabled="false"), "queue: encryption"),
        (lambda place: place.queues.set_max_receive_count(2), "queue: maxReceiveCount"),
        (lambda place: place.queues.set_max_receive_count(None), "queue: redrive policy"),
        (lambda place: place.queues.client.delete_queue(QueueUrl=place.queues.dlq_url), "queue"),
        (
            lambda place: place.s3.put_bucket_versioning(
                Bucket=place.bucket.name, VersioningConfiguration={"Status": "Suspended"}
            ),
            "bucket: versioning",
        ),
        (lambda place: place.s3.delete_bucket_encryption(Bucket=place.bucket.name), "bucket: encryption"),
        (lambda place: setattr(place.transcoder, "queue_status", "PAUSED"), "MediaConvert: queue"),
        (lambda place: setattr(place.aws, "behind", 400), "clock"),
    ],
)
def test_one_thing_that_is_wrong_is_the_one_that_is_found(
    place: Place, failures: Callable[..., Failures], spoil: Callable[[Place], object], wrong: str
) -> None:
    spoil(place)
    assert list(failures()) == [wrong]


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/none"}, {"queue": "mend QUEUE_URL"}),
        ({"MEDIACONVERT_ROLE_ARN": "arn:aws:iam::1:role/none"}, {"MediaConvert: role": "MEDIACONVERT_ROLE_ARN"}),
        (
            {"MEDIACONVERT_QUEUE_ARN": "arn:aws:mediaconvert:us-east-1:1:queues/none"},
            {"MediaConvert: queue": "MEDIACONVERT_QUEUE_ARN"},
        ),
        ({"CALLBACK_URL": "https://backend.invalid/callback"}, {"backend: connection": "DNS"}),
        ({"CALLBACK_URL": f"http://127.0.0.1:{free_port()}/"}, {"backend: connection": "firewalls"}),
        ({"IMAGE_PROCESSES": "256"}, {"CPUs": "IMAGE_PROCESSES", "memory": "WORKER_CONCURRENCY"}),
        ({"MEDIACONVERT_ROLE_ARN": ""}, {}),
    ],
)
def test_a_setting_that_is_wrong_is_named(
    failures: Callable[..., Failures],
    settings: dict[str, str],
    wrong: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.surroundings.usable_memory", lambda: 2_000_000_000)
    found = failures(**settings)
    assert found.keys() == wrong.keys()
    for name, advice in wrong.items():
        assert advice in found[name]["advice"]


def test_a_bucket_that_is_not_there_is_named(failures: Callable[..., Failures]) -> None:
    found = failures(MEDIA_BUCKET="none")
    assert {name: finding["seen"] for name, finding in found.items()} == {
        "bucket": "none isn't there",
        "MediaConvert: Probe": "none isn't there",
    }


def test_a_role_that_mediaconvert_may_not_take_on(place: Place, failures: Callable[..., Failures]) -> None:
    found = failures(MEDIACONVERT_ROLE_ARN=place.trusting("ec2.amazonaws.com"))
    assert "mediaconvert.amazonaws.com" in found["MediaConvert: role"]["advice"]


@pytest.mark.parametrize(
    ("ours", "meant"),
    [("::123456789012:", "::210987654321:"), (":role/", ":role/other/")],
)
def test_the_role_of_another_place_with_the_same_name_is_not_ours(
    place: Place, failures: Callable[..., Failures], ours: str, meant: str
) -> None:
    assert ours in place.role
    role = place.role.replace(ours, meant)
    found = failures(MEDIACONVERT_ROLE_ARN=role)["MediaConvert: role"]
    assert found["seen"] == f"{role} isn't there"
    assert "MEDIACONVERT_ROLE_ARN" in found["advice"]


def test_a_role_that_may_not_be_looked_at_is_not_good(place: Place, failures: Callable[..., Failures]) -> None:
    place.aws.rule = lambda called: RoleRefused(403, "AccessDenied") if called == "POST" else None
    found = failures()["MediaConvert: role"]
    assert found["seen"] == f"iam:GetRole on {place.role} is refused"
    assert found["advice"].startswith(f"allow iam:GetRole on {place.role}, or mend MEDIACONVERT_ROLE_ARN ")


@pytest.mark.parametrize(
    ("operation", "wrong", "right"),
    [
        ("AmazonSQS.GetQueueAttributes", "queue", "sqs:GetQueueAttributes"),
        ("HeadObject", "bucket", "s3:ListBucket"),
        ("PutObject", "bucket: write and read", "s3:PutObject"),
        ("GetObject", "bucket: write and read", "s3:GetObject"),
        ("GetObjectTagging", "bucket: write and read", "s3:GetObjectTagging"),
        ("PutObjectTagging", "bucket: write and read", "s3:PutObjectTagging"),
        ("GetBucketVersioning", "bucket: versioning", "s3:GetBucketVersioning"),
        ("GetBucketEncryption", "bucket: encryption", "s3:GetEncryptionConfiguration"),
    ],
)
def test_a_right_that_is_missing_is_named_and_stops_no_other_check(
    place: Place, failures: Callable[..., Failures], operation: str, wrong: str, right: str
) -> None:
    place.aws.rule = lambda called: DENIED if called == operation else None
    found = failures()
    assert f"allow {right} on " in found.pop(wrong)["advice"]
    assert set(found) <= {"MediaConvert: Probe"}, "which puts an object of its own"


def test_probe_that_is_refused_is_told_from_a_file_that_is_no_video(
    place: Place, failures: Callable[..., Failures]
) -> None:
    place.transcoder.refuse("Probe", 400, "BadRequestException", 1)
    assert failures() == {}
    place.transcoder.refuse("Probe", 403, "AccessDeniedException", 1)
    assert failures()["MediaConvert: Probe"]["advice"] == "allow mediaconvert:Probe on *"


@pytest.mark.parametrize(
    ("rule", "settings", "says"),
    [
        (lambda _: None, {"CALLBACK_SECRET": "quite-another-secret"}, "another secret"),
        (lambda _: Answer(404), {}, "proves nothing"),
        (lambda _: Answer(200), {}, "doesn't check signatures"),
    ],
)
def test_a_backend_that_is_wrong_is_found_by_two_callbacks(
    place: Place, failures: Callable[..., Failures], rule: Any, settings: dict[str, str], says: str
) -> None:
    place.backend.rule = rule
    assert says in failures("--callback", **settings)["backend: callback"]["means"]


def test_a_certificate_that_nobody_vouches_for_is_found_before_anything_is_sent(
    failures: Callable[..., Failures], certificate: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    heard: list[bytes] = []

    def serve() -> None:
        with listener, listener.accept()[0] as connected:
            try:
                with context.wrap_socket(connected, server_side=True) as secured:
                    heard.append(secured.recv(1))
            except ssl.SSLError:
                return

    listener = socket.create_server(("127.0.0.1", 0))
    server = threading.Thread(target=serve)
    server.start()
    found = failures(CALLBACK_URL=f"https://127.0.0.1:{listener.getsockname()[1]}/")
    server.join(10)
    assert "self-signed" in found["backend: connection"]["seen"]
    assert heard == []
