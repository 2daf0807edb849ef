"""The old pipeline, as far as moto plays one: a queue whose Lambda trigger starts a state machine."""

from __future__ import annotations

import io
import json
import urllib.request
import zipfile
from typing import Any

from PIL import Image

from devstack.aws import session
from tests.images import encoded

BUCKET, QUEUE = "toq-listing-medias", "listing-media-processing-staging"
WIDTHS = {"thumbnail": 200, "small": 400, "medium": 800, "large": 1200}
PNG, JPEG = "28/raw/photo/horizontal/a.png", "29/raw/photo/vertical/b.jpg"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


class OldPipeline:
    """What a team has today: a bucket, a queue whose trigger starts a state machine, and what that has written."""

    def __init__(self, endpoint: str) -> None:
        self.s3 = session().client("s3", endpoint_url=endpoint)
        self.sqs = session().client("sqs", endpoint_url=endpoint)
        self.functions: Any = session().client("lambda", endpoint_url=endpoint)  # no stubs are installed for these
        self.machines: Any = session().client("stepfunctions", endpoint_url=endpoint)
        iam: Any = session().client("iam", endpoint_url=endpoint)
        kms: Any = session().client("kms", endpoint_url=endpoint)
        without_docker = {"lambda": {"use_docker": False}}
        request = urllib.request.Request(f"{endpoint}/moto-api/config", json.dumps(without_docker).encode())
        urllib.request.urlopen(request).close()
        self._role = iam.create_role(RoleName="old", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        self._make_bucket(kms.create_key()["KeyMetadata"]["Arn"])
        self.queue_url = self._make_queue()
        self._make_pipeline()

    def _make_bucket(self, key: str) -> None:
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_bucket_encryption(
            Bucket=BUCKET,
            ServerSideEncryptionConfiguration={
                "Rules": [
                    {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
                ]
            },
        )
        for upload in (PNG, JPEG):
            image = Image.new("RGB", (640, 480))
            self.put(upload, encoded(image, "PNG" if upload == PNG else "JPEG"))
            self.render(upload)

    def put(self, key: str, data: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=data)

    def render(self, upload: str) -> None:
        """JPEGs of each width, whatever the upload is and however small."""
        for size, width in WIDTHS.items():
            folder, _, name = upload.replace("/raw/", "/processed/").rpartition("/")
            image = Image.new("RGB", (width, width * 3 // 4))
            self.put(f"{folder}/{size}/{name}", encoded(image, "JPEG"))

    def _make_queue(self) -> str:
        dlq = self.sqs.create_queue(QueueName="listing-media-processing-dlq-staging")["QueueUrl"]
        arn = self.attribute(dlq, "QueueArn")
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
        return self.sqs.create_queue(QueueName=QUEUE, Attributes={"RedrivePolicy": policy})["QueueUrl"]

    def _make_pipeline(self) -> None:
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("bootstrap", "")
        self.functions.create_function(
            FunctionName="validate",
            Role=self._role,
            Runtime="provided.al2023",
            Handler="bootstrap",
            Code={"ZipFile": code.getvalue()},
        )
        self.functions.create_event_source_mapping(
            FunctionName="validate", EventSourceArn=self.attribute(self.queue_url, "QueueArn"), BatchSize=1
        )
        definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
        machine = self.machines.create_state_machine(name="old", definition=definition, roleArn=self._role)
        self.machine: str = machine["stateMachineArn"]

    def attribute(self, queue_url: str, name: Any) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])
        return answer["Attributes"][name]

    def send(self, queue_url: str) -> int:
        """Send a job; returns how many messages the queue has then. (moto's trigger takes them as they come.)"""
        self.sqs.send_message(QueueUrl=queue_url, MessageBody="{}")
        return int(self.attribute(queue_url, "ApproximateNumberOfMessages"))

    def mappings(self) -> list[str]:
        return [mapping["State"] for mapping in self.functions.list_event_source_mappings()["EventSourceMappings"]]
