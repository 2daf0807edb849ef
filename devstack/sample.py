"""Uploads samples and enqueues a job for them, as the backend would: `python -m devstack.sample`."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from devstack.aws import session
from devstack.clips import clip_set
from devstack.processes import answers
from devstack.samples import Sample, sample_set

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

TRACEPARENT = "00-2b63e64e71537bb0327788965465ed16-45348f2c8c2a34bf-01"


def upload(s3: S3Client, bucket: str, listing_id: int, samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """Put the samples under the listing's `raw/` and return a message's `assets`, manifest included."""
    assets = []
    for sample in samples:
        key = f"{listing_id}/raw/{sample.media_type}/{sample.name}"
        stored = s3.put_object(Bucket=bucket, Key=key, Body=sample.content, ContentType=sample.content_type)
        assets.append(
            {
                "key": key,
                "type": sample.type,
                "size": len(sample.content),
                "sha256": hashlib.sha256(sample.content).hexdigest(),
                "etag": stored["ETag"],
                "contentType": sample.content_type,
            }
        )
    return assets


def enqueue(sqs: SQSClient, queue_url: str, job: Mapping[str, Any]) -> str:
    """Send the job as a message's body and return the message id."""
    return sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(job))["MessageId"]


def main() -> None:
    """Send all samples to `MEDIA_BUCKET` and `QUEUE_URL` as uploads of listing `LISTING_ID` (default 28).

    Where nothing answers at `WORKER_URL`, if that is set, it says so and sends nothing.
    """
    worker = os.environ.get("WORKER_URL")
    if worker and not answers(worker):
        sys.exit(f"no worker answers at {worker}: start it with `docker compose up`, then come again")
    endpoint, listing_id = os.environ["AWS_ENDPOINT_URL"], int(os.environ.get("LISTING_ID", "28"))
    aws = session()
    s3 = aws.client("s3", endpoint_url=endpoint)
    sqs = aws.client("sqs", endpoint_url=endpoint)
    assets = upload(s3, os.environ["MEDIA_BUCKET"], listing_id, (*clip_set(), *sample_set()))
    job = {
        "jobId": int(time.time()),
        "listingId": listing_id,
        "batchId": "sample",
        "assets": assets,
        "retry": 0,
        "traceparent": TRACEPARENT,
    }
    message_id = enqueue(sqs, os.environ["QUEUE_URL"], job)
    print("\n".join(asset["key"] for asset in assets))
    print(f"job {job['jobId']} is message {message_id}")


if __name__ == "__main__":
    main()
