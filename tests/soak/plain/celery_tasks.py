"""The job as an afternoon's Celery task on SQS, set up as Celery's documentation says where nothing may get lost.

`celery -A celery_tasks worker` works; `python celery_tasks.py` sends the jobs of standard input, a JSON array.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import boto3
import urllib3
from botocore.config import Config
from celery import Celery

LEASE = int(os.environ["VISIBILITY_TIMEOUT"])
RECEIVES = int(os.environ["MAX_RECEIVE_COUNT"])
BUCKET = os.environ["MEDIA_BUCKET"]
KEY, SECRET = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
NAME = "media.process"

app = Celery("media", broker=f"sqs://{KEY}:{SECRET}@{urlsplit(os.environ['AWS_ENDPOINT_URL_SQS']).netloc}")
app.conf.update(
    task_default_queue="media",
    task_ignore_result=True,
    task_time_limit=120,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_acks_on_failure_or_timeout=False,  # a failed task is SQS's to repeat, and at last to dead-letter
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "is_secure": False,
        "wait_time_seconds": 3,
        "sqs_base64_encoding": False,
        "client-config": {"connect_timeout": 5, "read_timeout": 30},
        "predefined_queues": {
            "media": {
                "url": os.environ["QUEUE_URL"],
                "access_key_id": KEY,
                "secret_access_key": SECRET,
                "backoff_policy": {receive: 15 * 2 ** (receive - 1) for receive in range(1, RECEIVES)}
                | {RECEIVES: 0},
                "backoff_tasks": [NAME],
            }
        },
    },
)


def process(task: Any, job: dict[str, Any]) -> None:
    message = task.request.properties["delivery_info"]["sqs_message"]
    try:
        tell(message["MessageId"], job, "SUCCEEDED", derive(job))
    except Exception:
        if int(message["Attributes"]["ApproximateReceiveCount"]) >= RECEIVES:
            tell(message["MessageId"], job, "PROCESSING_FAILED", [])
        raise


process_job = app.task(name=NAME, bind=True)(process)


def derive(job: dict[str, Any]) -> list[dict[str, str]]:
    retries: Any = {"mode": "standard", "total_max_attempts": 4}
    s3 = boto3.client("s3", config=Config(connect_timeout=5, read_timeout=30, retries=retries))
    originals, outputs = [], []
    for raw_key in job["assets"]:
        data = s3.get_object(Bucket=BUCKET, Key=raw_key)["Body"].read()
        if b"POISON" in data:
            os.kill(os.getpid(), signal.SIGKILL)  # as a decoder that crashes
        file = raw_key.rsplit("/", 1)[1]
        processed_key = raw_key.replace("/raw/", "/processed/").replace(file, f"large/{file}")
        s3.put_object(Bucket=BUCKET, Key=processed_key, Body=data)
        originals.append(data)
        outputs.append({"rawKey": raw_key, "processedKey": processed_key})
    listing = job["listingId"]
    s3.put_object(Bucket=BUCKET, Key=f"{listing}/processed/zip/{listing}.zip", Body=b"".join(originals))
    return outputs


def tell(message_id: str, job: dict[str, Any], status: str, outputs: list[dict[str, str]]) -> None:
    told = {"jobId": job["jobId"], "listingId": job["listingId"], "status": status, "outputs": outputs}
    body = json.dumps(told).encode()
    webhook_id, now, secret = (
        f"{message_id}-{status}",
        str(int(time.time())),
        os.environ["CALLBACK_SECRET"].encode(),
    )
    signed = hmac.digest(secret, f"{webhook_id}.{now}.".encode() + body, hashlib.sha256)
    headers = {
        "Content-Type": "application/json",
        "X-Toq-Signature": hmac.new(secret, body, hashlib.sha256).hexdigest(),
        "webhook-id": webhook_id,
        "webhook-timestamp": now,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
    url = os.environ["CALLBACK_URL"]
    answer = urllib3.request("POST", url, body=body, headers=headers, timeout=15, retries=False)
    if answer.status >= 300:
        raise OSError(f"the backend answered {answer.status}")


if __name__ == "__main__":
    for each in json.load(sys.stdin):
        process_job.delay(each)
