"""What every bucket does: the fake, and S3 as moto, LocalStack and the benchmarks' server play it."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest
from structlog.testing import capture_logs

from adapters.s3 import S3Objects
from adapters.s3_copier import Copier
from domain.errors import CannotCopy, Conflict, Dependency, NotFound, Transient, Unavailable
from domain.model import Asset, Job
from domain.ports import Entry, Holds, Objects, Upload
from domain.rendition_cache import RenditionCache, RenditionRoom
from domain.run import Run
from domain.steps.validate import validate
from tests.contract.aws import Bucket
from tests.fakes import FakeAttempt, FakeObjects, make_ports

KEY = "28/raw/photo/vertical/a.jpg"
MIB = 1024 * 1024
PART = 5 * MIB


class Store(Protocol):
    """A bucket under test, and the test's own ways into it."""

    @property
    def objects(self) -> Objects: ...
    def put(self, key: str, data: bytes, content_type: str = "image/jpeg") -> str: ...
    def open_uploads(self) -> int: ...


class FakeStore:
    def __init__(self) -> None:
        self.objects = FakeObjects()

    def put(self, key: str, data: bytes, content_type: str = "image/jpeg") -> str:
        return self.objects.put(key, data, content_type)

    def open_uploads(self) -> int:
        return len(self.objects.open_uploads)


LOCALSTACK = pytest.param("localstack", marks=pytest.mark.localstack)
EMULATORS = ["moto", "memory", LOCALSTACK]
VERSIONED = ["moto", LOCALSTACK]

CONDITIONAL = pytest.mark.parametrize("store", ["fake", "memory", LOCALSTACK], indirect=True)
"""moto takes a stale ETag for a good one, and stumbles over an upload that isn't there any more."""


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Bucket:
    return Bucket(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def moto_bucket(moto_url: str) -> Bucket:
    return Bucket(moto_url)


@pytest.fixture(params=["fake", *EMULATORS])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "fake":
        return FakeStore()
    return Bucket(request.getfixturevalue(f"{request.param}_url"))


def etag_of(store: Store, key: str) -> str:
    head = store.objects.head(key)
    assert head
    return head.etag


def read(store: Store, key: str, extent: range | None = None) -> bytes:
    return b"".join(store.objects.read(key, etag_of(store, key), extent))


def test_head_tells_what_is_there_and_what_is_not(store: Store) -> None:
    assert store.objects.head(KEY) is None
    store.put(KEY, b"photo", "image/jpeg")
    head = store.objects.head(KEY)
    assert head
    assert (head.size, head.content_type, head.sha256) == (5, "image/jpeg", None)
    assert '"' not in head.etag


def test_reading_whole_or_some_bytes(store: Store) -> None:
    data = bytes(range(256)) * 10_000
    store.put(KEY, data)
    assert read(store, KEY) == store.objects.whole(KEY, etag_of(store, KEY)) == data
    assert read(store, KEY, range(1000)) == data[:1000]
    assert read(store, KEY, range(1000, 1001)) == data[1000:1001]
    assert read(store, KEY, range(len(data) - 10, len(data))) == data[-10:]
    store.put("short", b"ab")
    assert read(store, "short", range(1000)) == b"ab"
    store.put("empty", b"")
    assert read(store, "empty") == b""


def test_a_large_object_comes_in_chunks_of_a_mebibyte_at_most(moto_bucket: Bucket) -> None:
    moto_bucket.put(KEY, b"x" * (3 * MIB + 1))
    etag = etag_of(moto_bucket, KEY)
    sizes = [len(chunk) for chunk in moto_bucket.objects.read(KEY, etag)]
    assert sum(sizes) == 3 * MIB + 1
    assert max(sizes) <= MIB


def test_reading_what_is_gone_or_another_one_by_now(store: Store) -> None:
    with pytest.raises(NotFound):
        list(store.objects.read(KEY, "0123"))
    with pytest.raises(NotFound):
        store.objects.whole(KEY, "0123")
    store.put(KEY, b"one")
    old = etag_of(store, KEY)
    store.put(KEY, b"two")
    with pytest.raises(Conflict):
        list(store.objects.read(KEY, old))
    with pytest.raises(Conflict):
        store.objects.whole(KEY, old)
    with pytest.raises(Conflict):
        list(store.objects.read(KEY, old, range(1)))


ODD_KEYS = pytest.mark.parametrize(
    "key", ["28/processed/a b+c%20&=?.jpg", "28/processed/Grundriß/ä.jpg", "28/processed/日本.jpg"]
)


@ODD_KEYS
def test_writing_returns_the_etag_that_head_and_list_show(store: Store, key: str) -> None:
    etag = store.objects.write(key, b"rendition", "image/webp", {})
    head = store.objects.head(key)
    assert head
    assert (head.etag, head.size, head.content_type) == (etag, 9, "image/webp")
    (entry,) = store.objects.list("28/processed/")
    assert (entry.key, entry.etag, entry.size) == (key, etag, 9)


def test_the_list_of_keys_takes_one_prefix_in_the_order_of_the_keys_bytes(store: Store) -> None:
    keys = ["28/b", "28/Z", "28/é", "28/a/1", "28/a", "280/a", "2/a"]
    for key in keys:
        store.put(key, b"x")
    assert [entry.key for entry in store.objects.list("28/")] == ["28/Z", "28/a", "28/a/1", "28/b", "28/é"]


def test_the_list_of_keys_goes_on_after_a_thousand_keys(moto_bucket: Bucket) -> None:
    for number in range(1001):
        moto_bucket.put(f"28/{number:04}", b"x")
    assert len(list(moto_bucket.objects.list("28/"))) == 1001


def test_a_copy_has_the_same_bytes_and_content_type(store: Store) -> None:
    store.put(KEY, b"plan", "application/pdf")
    store.objects.copy(KEY, etag_of(store, KEY), "28/processed/copy", {})
    head = store.objects.head("28/processed/copy")
    assert head
    assert head.content_type == "application/pdf"
    assert read(store, "28/processed/copy") == b"plan"


def test_what_is_written_has_its_metadata(store: Store) -> None:
    store.objects.write(KEY, b"rendition", "image/jpeg", {"upload": "abc", "upload-etag": "e1"})
    head = store.objects.head(KEY)
    assert head
    assert head.metadata == {"upload": "abc", "upload-etag": "e1"}


def test_a_write_may_want_the_key_to_be_free(store: Store) -> None:
    first = store.objects.write(KEY, b"one", "image/jpeg", {}, Holds(None))
    with pytest.raises(Conflict):
        store.objects.write(KEY, b"two", "image/jpeg", {}, Holds(None))
    assert etag_of(store, KEY) == first
    store.objects.write(KEY, b"two", "image/jpeg", {})
    assert read(store, KEY) == b"two"


def test_a_write_may_want_the_key_to_hold_what_was_seen(store: Store) -> None:
    with pytest.raises(Conflict):
        store.objects.write(KEY, b"one", "image/jpeg", {}, Holds("0123"))
    first = store.objects.write(KEY, b"one", "image/jpeg", {})
    second = store.objects.write(KEY, b"two", "image/jpeg", {}, Holds(first))
    with pytest.raises(Conflict):
        store.objects.write(KEY, b"three", "image/jpeg", {}, Holds(first))
    assert etag_of(store, KEY) == second


@pytest.mark.parametrize("store", ["fake", "memory"], indirect=True)
def test_so_may_a_copy_of_its_target(store: Store) -> None:
    """Neither moto nor LocalStack has it: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html."""
    store.put(KEY, b"plan")
    store.objects.copy(KEY, etag_of(store, KEY), "copy", {}, Holds(None))
    for stale in (Holds(None), Holds("0123")):
        with pytest.raises(Conflict):
            store.objects.copy(KEY, etag_of(store, KEY), "copy", {}, stale)
    store.objects.copy(KEY, etag_of(store, KEY), "copy", {}, Holds(etag_of(store, "copy")))


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_a_copys_condition_is_sent(bucket: Bucket) -> None:
    sent: list[tuple[str | None, str | None]] = []
    bucket.client.meta.events.register(
        "before-call.s3.CopyObject",
        lambda params, **_: sent.append(
            (params["headers"].get("If-None-Match"), params["headers"].get("If-Match"))
        ),
    )
    bucket.put(KEY, b"plan")
    bucket.objects.copy(KEY, etag_of(bucket, KEY), "copy", {}, Holds(None))
    bucket.objects.copy(KEY, etag_of(bucket, KEY), "copy", {}, Holds(etag_of(bucket, "copy")))
    bucket.objects.copy(KEY, etag_of(bucket, KEY), "copy", {})
    assert sent == [("*", None), (None, f'"{etag_of(bucket, "copy")}"'), (None, None)]


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_a_copy_has_the_uploads_headers_and_our_metadata(bucket: Bucket) -> None:
    bucket.client.put_object(
        Bucket=bucket.name,
        Key=KEY,
        Body=b"plan",
        Metadata={"upload": "forged", "theirs": "x"},
        ContentType="application/pdf",
        ContentDisposition="attachment",
        CacheControl="no-store",
    )
    bucket.objects.copy(KEY, etag_of(bucket, KEY), "copy", {"upload": "ours"})
    head = bucket.client.head_object(Bucket=bucket.name, Key="copy")
    assert head["Metadata"] == {"upload": "ours"}
    kept = (head["ContentType"], head["ContentDisposition"], head["CacheControl"])
    assert kept == ("application/pdf", "attachment", "no-store")


@ODD_KEYS
def test_every_key_can_be_copied_replaced_and_marked(store: Store, key: str) -> None:
    store.put(key, b"plan")
    store.objects.copy(key, etag_of(store, key), key + ".copy", {})
    assert read(store, key + ".copy") == b"plan"
    with store.objects.replace(key, etag_of(store, key), "application/zip", {}) as upload:
        upload.part(1, b"new")
    assert read(store, key) == b"new"
    store.objects.mark_processed(key, None)


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_a_bundle_has_the_tag_by_which_its_old_versions_expire(bucket: Bucket) -> None:
    with bucket.objects.replace(KEY, None, "application/zip", {}) as upload:
        upload.part(1, b"zip")
    assert bucket.tags(KEY) == {"stage": "bundle"}


def test_what_is_not_there_is_neither_copied_nor_marked(store: Store) -> None:
    with pytest.raises(NotFound):
        store.objects.copy(KEY, "0123", "28/processed/copy", {})
    with pytest.raises(NotFound):
        store.objects.mark_processed(KEY, None)


@CONDITIONAL
def test_a_copy_of_what_is_another_one_by_now_is_refused(store: Store) -> None:
    store.put(KEY, b"one")
    old = etag_of(store, KEY)
    store.put(KEY, b"two")
    with pytest.raises(Conflict):
        store.objects.copy(KEY, old, "28/processed/copy", {})
    assert store.objects.head("28/processed/copy") is None


def test_parts_go_in_any_order(store: Store) -> None:
    with store.objects.replace(KEY, None, "application/zip", {"members": "abc"}) as upload:
        upload.part(2, b"b" * PART)
        upload.part(3, b"c")
        upload.part(1, bytearray(b"a" * PART))
    assert read(store, KEY) == b"a" * PART + b"b" * PART + b"c"
    head = store.objects.head(KEY)
    assert head
    assert (head.content_type, head.metadata) == ("application/zip", {"members": "abc"})
    assert store.open_uploads() == 0


def test_replacing_the_very_object_that_was_seen(store: Store) -> None:
    store.put(KEY, b"old")
    with store.objects.replace(KEY, etag_of(store, KEY), "application/zip", {}) as upload:
        upload.part(1, b"new")
    assert read(store, KEY) == b"new"


def test_an_upload_whose_block_raises_is_aborted_and_changes_nothing(store: Store) -> None:
    store.put(KEY, b"old")

    def fail() -> None:
        with store.objects.replace(KEY, etag_of(store, KEY), "application/zip", {}) as upload:
            upload.part(1, b"new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert read(store, KEY) == b"old"
    assert store.open_uploads() == 0


def test_nothing_is_replaced_where_nothing_was_seen(store: Store) -> None:
    store.put(KEY, b"theirs")

    def replace() -> None:
        with store.objects.replace(KEY, None, "application/zip", {}) as upload:
            upload.part(1, b"ours")

    with pytest.raises(Conflict):
        replace()
    assert read(store, KEY) == b"theirs"
    assert store.open_uploads() == 0


@CONDITIONAL
def test_what_somebody_else_replaced_is_left_alone(store: Store) -> None:
    store.put(KEY, b"old")
    old = etag_of(store, KEY)
    store.put(KEY, b"theirs")

    def replace() -> None:
        with store.objects.replace(KEY, old, "application/zip", {}) as upload:
            upload.part(1, b"ours")

    with pytest.raises(Conflict):
        replace()
    assert read(store, KEY) == b"theirs"
    assert store.open_uploads() == 0


@CONDITIONAL
def test_what_somebody_else_deleted_does_not_come_back(store: Store) -> None:
    with pytest.raises(NotFound), store.objects.replace(KEY, "0123", "application/zip", {}) as upload:
        upload.part(1, b"ours")
    assert store.objects.head(KEY) is None
    assert store.open_uploads() == 0


@CONDITIONAL
def test_open_uploads_of_a_key_are_aborted_and_no_others(store: Store) -> None:
    other = KEY + ".old"
    with store.objects.replace(other, None, "application/zip", {}) as untouched:

        def replace() -> None:
            with store.objects.replace(KEY, None, "application/zip", {}) as upload:
                store.objects.abort_uploads(KEY)
                upload.part(1, b"ours")

        with pytest.raises(Conflict):
            replace()
        untouched.part(1, b"theirs")
    assert store.objects.head(KEY) is None
    assert read(store, other) == b"theirs"
    assert store.open_uploads() == 0


SOURCE = "28/raw/video/horizontal/tour 1+ä.mp4"
DATA = bytes(range(256)) * (6 * MIB // 256)
COPYING = pytest.mark.parametrize("bucket", ["memory", LOCALSTACK], indirect=True)
"""moto tells no CRC of a part that it copied, and compares the whole with none."""


def put_source(store: Store, data: bytes = DATA) -> Entry:
    store.put(SOURCE, data)
    return Entry(SOURCE, etag_of(store, SOURCE), len(data))


def replaced(store: Store, send: Callable[[Upload], object]) -> None:
    with store.objects.replace(KEY, None, "application/zip", {}) as upload:
        send(upload)


def refused(
    store: Store, send: Callable[[Upload], object], error: type[Exception], match: str | None = None
) -> None:
    """Nothing is stored or left open."""
    with pytest.raises(error, match=match) as raised:
        replaced(store, send)
    assert type(raised.value) is error
    assert store.objects.head(KEY) is None
    assert store.open_uploads() == 0


def answered(bucket: Bucket, operation: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Have the service's answers changed before boto3 reads them: `status_code`, `headers` and `body`."""

    def before_parse(response_dict: dict[str, Any], **_: object) -> None:
        change(response_dict)

    bucket.client.meta.events.register(f"before-parse.s3.{operation}", before_parse)


def without_crc(answer: dict[str, Any]) -> None:
    answer["body"] = re.sub(b"<ChecksumCRC32>.*</ChecksumCRC32>", b"", answer["body"])
    answer["headers"].pop("x-amz-checksum-crc32", None)


@CONDITIONAL
def test_parts_are_copied_among_those_that_are_sent_in_any_order(store: Store) -> None:
    source, header = put_source(store), b"h" * PART
    extents = [range(1, 1 + PART), range(len(DATA) - PART, len(DATA)), range(MIB, MIB + 1)]
    pieces = [DATA[extent.start : extent.stop] for extent in extents]
    crcs = {}
    with store.objects.replace(KEY, None, "application/zip", {}) as upload:
        for number in (3, 4, 2):
            crcs[number] = upload.copy(number, source, extents[number - 2])
        upload.part(1, header)
        upload.expect(zlib.crc32(b"".join([header, *pieces])))
    assert crcs == {number: zlib.crc32(piece) for number, piece in enumerate(pieces, 2)}
    assert read(store, KEY) == b"".join([header, *pieces])
    assert store.open_uploads() == 0


@CONDITIONAL
def test_a_source_that_is_another_one_by_now_or_gone_is_not_copied(store: Store) -> None:
    old = put_source(store)
    new = put_source(store, DATA[::-1])
    refused(store, lambda upload: upload.copy(1, old, range(PART)), Conflict)
    store.objects.delete(SOURCE, new.etag)
    refused(store, lambda upload: upload.copy(1, old, range(PART)), NotFound)


@CONDITIONAL
def test_nothing_is_copied_into_an_upload_that_was_aborted(store: Store) -> None:
    source = put_source(store)

    def send(upload: Upload) -> None:
        store.objects.abort_uploads(KEY)
        upload.copy(1, source, range(PART))

    refused(store, send, Conflict)


@COPYING
def test_what_the_bucket_copies_is_not_counted_as_moved(bucket: Bucket) -> None:
    source = put_source(bucket)

    def send(upload: Upload) -> None:
        upload.copy(1, source, range(PART))
        upload.part(2, b"1234")

    replaced(bucket, send)
    assert bucket.moved == {"out": 4}


@COPYING
def test_copies_have_a_client_of_their_own(bucket: Bucket) -> None:
    copier, copied = Bucket(bucket.client.meta.endpoint_url).client, []
    copier.meta.events.register("before-call.s3", lambda model, **_: copied.append(model.name))
    objects = S3Objects(bucket.client, bucket.name, lambda direction, size: None, Copier(copier))
    source = put_source(bucket)
    with objects.replace(KEY, None, "application/zip", {}) as upload:
        upload.copy(1, source, range(PART))
        upload.part(2, b"end")
    assert copied == ["UploadPartCopy"]


@pytest.mark.parametrize("right", [True, False])
def test_a_whole_is_stored_only_with_the_crc_that_it_should_have(store: Store, right: bool) -> None:
    def send(upload: Upload) -> None:
        upload.part(2, b"end")
        upload.part(1, b"a" * PART)
        upload.expect(zlib.crc32(b"a" * PART + (b"end" if right else b"and")))

    if right:
        replaced(store, send)
        assert read(store, KEY) == b"a" * PART + b"end"
    else:
        refused(store, send, CannotCopy)


@COPYING
def test_the_service_refuses_such_a_whole_by_itself(bucket: Bucket) -> None:
    answered(bucket, "UploadPart", without_crc)  # so that the adapter has nothing to compare

    def send(upload: Upload) -> None:
        upload.part(1, b"end")
        upload.expect(zlib.crc32(b"and"))

    refused(bucket, send, CannotCopy, "BadDigest")


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
@pytest.mark.parametrize("expected", [True, False])
def test_parts_that_were_planned_wrongly_are_moved_instead(bucket: Bucket, expected: bool) -> None:
    """Where nothing is expected, nothing was planned either: a retry is all that is left."""

    def send(upload: Upload) -> None:
        upload.part(1, b"small")
        upload.part(2, b"end")
        if expected:
            upload.expect(zlib.crc32(b"smallend"))

    refused(bucket, send, CannotCopy if expected else Transient, "EntityTooSmall")


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_the_crc_that_the_bucket_keeps_of_a_bundle_is_that_of_its_bytes(bucket: Bucket) -> None:
    with bucket.objects.replace(KEY, None, "application/zip", {}) as upload:
        upload.part(1, b"a" * PART)
        upload.part(2, b"end")
    head = bucket.client.head_object(Bucket=bucket.name, Key=KEY, ChecksumMode="ENABLED")
    crc32 = zlib.crc32(b"a" * PART + b"end").to_bytes(4, "big")
    assert (head["ChecksumType"], base64.b64decode(head["ChecksumCRC32"])) == ("FULL_OBJECT", crc32)


@pytest.mark.parametrize("store", ["fake", "moto"], indirect=True)
def test_a_bucket_that_copies_no_parts_says_so(store: Store) -> None:
    if isinstance(store, FakeStore):
        store.objects.copies = False
    source = put_source(store)
    refused(store, lambda upload: upload.copy(1, source, range(PART)), CannotCopy)


@COPYING
@pytest.mark.parametrize(
    "change",
    [
        without_crc,
        lambda answer: answer.update(status_code=501, body=b""),
        lambda answer: answer.update(status_code=501, body=b"<Error><Code>NotImplemented</Code></Error>"),
        lambda answer: answer.update(status_code=400, body=b"<Error><Code>InvalidRequest</Code></Error>"),
        lambda answer: answer.update(status_code=416, body=b"<Error><Code>InvalidRange</Code></Error>"),
        lambda answer: answer.update(status_code=403, body=b"<Error><Code>AccessDenied</Code></Error>"),
    ],
    ids=["no CRC", "501", "NotImplemented", "InvalidRequest", "InvalidRange", "AccessDenied"],
)
def test_so_does_one_whose_answer_says_that_it_cannot(
    bucket: Bucket, change: Callable[[dict[str, Any]], None]
) -> None:
    source = put_source(bucket)
    answered(bucket, "UploadPartCopy", change)
    with capture_logs() as logs:
        refused(bucket, lambda upload: upload.copy(1, source, range(PART)), CannotCopy)
    assert [(line["event"], line["key"]) for line in logs] == [("bundle not copied: its bytes are sent", KEY)]


@COPYING
def test_bytes_that_the_source_does_not_have_are_not_copied(bucket: Bucket) -> None:
    source = put_source(bucket)
    refused(bucket, lambda upload: upload.copy(1, source, range(MIB, len(DATA) + 1)), CannotCopy)


def test_of_the_uploads_of_one_key_one_at_most_is_the_first(store: Store) -> None:
    def race(ours: Upload) -> None:
        with store.objects.replace(KEY, None, "application/zip", {}) as theirs:
            assert not theirs.began_first()
            raise ZeroDivisionError

    with store.objects.replace(KEY + ".old", None, "application/zip", {}) as another:
        with store.objects.replace(KEY, None, "application/zip", {}) as ours:
            with pytest.raises(ZeroDivisionError):
                race(ours)
            assert ours.began_first()
            assert another.began_first()
            ours.part(1, b"zip")
        another.part(1, b"zip")


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
@pytest.mark.parametrize(("older", "first"), [(-1, True), (0, False), (119, False), (120, True)])
def test_an_upload_that_is_younger_or_much_older_counts_for_nothing(
    bucket: Bucket, older: int, first: bool
) -> None:
    bucket.client.create_multipart_upload(Bucket=bucket.name, Key=KEY)
    now = datetime(2026, 1, 5, 12, tzinfo=UTC)

    def initiated(answer: dict[str, Any]) -> None:
        """Theirs comes first in the list."""
        told = iter([now - timedelta(seconds=older), now])
        pattern = rb"(?<=<Initiated>)[^<]*"
        answer["body"] = re.sub(pattern, lambda _: next(told).isoformat().encode(), answer["body"])

    answered(bucket, "ListMultipartUploads", initiated)
    with capture_logs() as logs, bucket.objects.replace(KEY, None, "application/zip", {}) as upload:
        assert upload.began_first() is first
        upload.part(1, b"zip")
    since = (now - timedelta(seconds=older)).isoformat()
    told = [(line["event"], line["key"], line["since"]) for line in logs]
    assert told == ([] if first else [("another job writes the bundle", KEY, since)])


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_who_may_not_see_the_others_is_the_first(bucket: Bucket) -> None:
    denied = b"<Error><Code>AccessDenied</Code></Error>"
    answered(bucket, "ListMultipartUploads", lambda answer: answer.update(status_code=403, body=denied))
    bucket.client.create_multipart_upload(Bucket=bucket.name, Key=KEY)
    with capture_logs() as logs, bucket.objects.replace(KEY, None, "application/zip", {}) as upload:
        assert upload.began_first()
        upload.part(1, b"zip")
    assert [line["event"] for line in logs] == ["uploads not listed"]


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_uploads_that_cannot_be_listed_are_left(bucket: Bucket) -> None:
    objects = S3Objects(bucket.client, "no-such-bucket", lambda direction, size: None)
    with capture_logs() as logs:
        objects.abort_uploads(KEY)
    assert [line["event"] for line in logs] == ["uploads not aborted"]


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_an_abort_that_fails_does_not_hide_what_went_wrong(bucket: Bucket) -> None:
    def abort() -> None:
        (under_way,) = bucket.client.list_multipart_uploads(Bucket=bucket.name)["Uploads"]
        bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=KEY, UploadId=under_way["UploadId"])

    bucket.before("UploadPart", abort)
    with (
        pytest.raises(Transient, match="upload part 1"),
        bucket.objects.replace(KEY, None, "application/zip", {}) as upload,
    ):
        upload.part(1, b"x")


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_marking_as_processed_keeps_the_other_tags_and_the_copy_has_none(bucket: Bucket) -> None:
    bucket.put(KEY, b"plan")
    bucket.tag(KEY, {"owner": "backend", "stage": "new"})
    for _ in range(2):
        bucket.objects.mark_processed(KEY, None)
    assert bucket.tags(KEY) == {"owner": "backend", "stage": "raw"}
    bucket.objects.copy(KEY, etag_of(bucket, KEY), "28/processed/copy", {})
    assert bucket.tags("28/processed/copy") == {}


@pytest.mark.parametrize("bucket", VERSIONED, indirect=True)
def test_the_version_that_is_named_is_marked(bucket: Bucket) -> None:
    bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    versions = []
    for data in (b"one", b"two"):
        bucket.put(KEY, data)
        head = bucket.objects.head(KEY)
        assert head
        versions.append(head.version)
    bucket.objects.mark_processed(KEY, versions[0])
    tags = [
        bucket.client.get_object_tagging(Bucket=bucket.name, Key=KEY, VersionId=str(version))["TagSet"]
        for version in versions
    ]
    assert tags == [[{"Key": "stage", "Value": "raw"}], []]


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_tags_are_not_asked_for_where_a_head_told_of_none(bucket: Bucket) -> None:
    """The first one is asked all the same: only then is it known that this role is told."""
    asked: list[str] = []
    bucket.before("GetObjectTagging", lambda: asked.append("tags"))
    uploads = [bucket.put(f"{KEY}-{number}", b"photo") for number in range(4)]
    bucket.tag(uploads[3], {"owner": "backend"})
    for upload, requests in zip(uploads, [1, 1, 1, 2], strict=True):
        head = bucket.objects.head(upload)
        assert head
        bucket.objects.mark_processed(upload, None, head.tagged)
        assert len(asked) == requests
    expected = [{"stage": "raw"}] * 3 + [{"stage": "raw", "owner": "backend"}]
    assert [bucket.tags(upload) for upload in uploads] == expected


def test_tags_are_asked_for_where_heads_do_not_tell_of_them(moto_bucket: Bucket) -> None:
    """As of a role that may not read them: the other tags stay."""
    untold = "after-call.s3.HeadObject"
    moto_bucket.client.meta.events.register(untold, lambda parsed, **_: parsed.pop("TagCount", None))
    for upload in (moto_bucket.put(f"{KEY}-{number}", b"photo") for number in range(3)):
        moto_bucket.tag(upload, {"owner": "backend"})
        moto_bucket.objects.mark_processed(upload, None, False)
        assert moto_bucket.tags(upload) == {"stage": "raw", "owner": "backend"}


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_marking_as_work_lets_it_expire(bucket: Bucket) -> None:
    bucket.objects.mark_work(bucket.put(KEY, b"a frame"))
    assert bucket.tags(KEY) == {"stage": "work"}


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_an_object_that_has_all_its_tags_taken_keeps_them(bucket: Bucket) -> None:
    bucket.put(KEY, b"photo")
    taken = {f"tag-{number}": "theirs" for number in range(10)}
    bucket.tag(KEY, taken)
    bucket.objects.mark_processed(KEY, None)
    assert bucket.tags(KEY) == taken


def test_the_bytes_that_go_in_and_out_are_counted(moto_bucket: Bucket) -> None:
    etag = moto_bucket.objects.write("written", b"123", "text/plain", {})
    with moto_bucket.objects.replace("replaced", None, "application/zip", {}) as upload:
        upload.part(1, b"4567")
    assert moto_bucket.moved == {"out": 7}
    list(moto_bucket.objects.read("written", etag))
    assert moto_bucket.moved == {"out": 7, "in": 3}
    moto_bucket.objects.whole("written", etag)
    assert moto_bucket.moved == {"out": 7, "in": 6}


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_what_is_written_carries_a_crc32(bucket: Bucket) -> None:
    bucket.objects.write("written", b"data", "text/plain", {})
    with bucket.objects.replace("replaced", None, "application/zip", {}) as upload:
        upload.part(1, b"data")
    for key in ("written", "replaced"):
        head = bucket.client.head_object(Bucket=bucket.name, Key=key, ChecksumMode="ENABLED")
        assert head["ChecksumCRC32"]


@pytest.mark.parametrize("bucket", EMULATORS, indirect=True)
def test_head_gives_the_sha256_that_the_bucket_holds_of_the_whole_object(bucket: Bucket) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key=KEY, Body=b"photo", ChecksumAlgorithm="SHA256")
    head = bucket.objects.head(KEY)
    assert head
    assert head.sha256 == hashlib.sha256(b"photo").digest()


@pytest.mark.localstack
@pytest.mark.parametrize("bucket", ["localstack"], indirect=True)
def test_the_sha256_of_an_upload_in_parts_is_not_taken_for_that_of_its_bytes(bucket: Bucket) -> None:
    upload = bucket.client.create_multipart_upload(Bucket=bucket.name, Key=KEY, ChecksumAlgorithm="SHA256")
    part = bucket.client.upload_part(
        Bucket=bucket.name, Key=KEY, UploadId=upload["UploadId"], PartNumber=1, Body=b"photo",
        ChecksumAlgorithm="SHA256",
    )  # fmt: skip
    bucket.client.complete_multipart_upload(
        Bucket=bucket.name, Key=KEY, UploadId=upload["UploadId"],
        MultipartUpload={
            "Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]
        },
    )  # fmt: skip
    head = bucket.objects.head(KEY)
    assert head
    assert head.sha256 is None


def test_an_object_is_deleted_and_what_is_not_there_is_no_error(store: Store) -> None:
    store.put(KEY, b"bundle")
    store.put(KEY + ".old", b"another")
    etag = etag_of(store, KEY)
    for _ in range(2):
        store.objects.delete(KEY, etag)
    assert store.objects.head(KEY) is None
    assert read(store, KEY + ".old") == b"another"


def test_what_is_another_one_by_now_is_not_deleted(store: Store) -> None:
    store.put(KEY, b"old")
    old = etag_of(store, KEY)
    store.put(KEY, b"theirs")
    with pytest.raises(Conflict):
        store.objects.delete(KEY, old)
    assert read(store, KEY) == b"theirs"


def test_an_object_that_is_missing_is_told_from_a_bucket_that_is(moto_bucket: Bucket) -> None:
    objects = moto_bucket.objects
    assert objects.head(KEY) is None
    with pytest.raises(NotFound):
        objects.copy(KEY, "etag", "28/processed/a.pdf", {})
    moto_bucket.client.delete_bucket(Bucket=moto_bucket.name)
    for ask in (
        lambda: objects.head(KEY),
        lambda: objects.copy(KEY, "etag", "28/processed/a.pdf", {}),
        lambda: list(objects.read(KEY, "etag")),
        lambda: list(objects.list("28/")),
        lambda: objects.write(KEY, b"photo", "image/jpeg", {}),
        lambda: objects.delete(KEY, "etag"),
        lambda: objects.mark_processed(KEY, None),
        lambda: objects.replace(KEY, None, "application/zip", {}).__enter__(),
        lambda: moto_bucket.journals.load(Job(21, 28, "m-1")),
    ):
        with pytest.raises(Unavailable) as error:
            ask()
        assert (error.value.of, error.value.evident) == (Dependency.BUCKET, True)


def test_validation_does_not_take_a_missing_bucket_for_missing_uploads(moto_bucket: Bucket) -> None:
    moto_bucket.client.delete_bucket(Bucket=moto_bucket.name)
    job = Job(21, 28, "m-1", assets=(Asset(KEY),))
    with pytest.raises(Unavailable, match=moto_bucket.name):
        validate(
            Run(job, FakeAttempt(), make_ports(objects=moto_bucket.objects), RenditionCache(RenditionRoom(100)))
        )
