import json
from collections.abc import Mapping
from typing import Any


def send(client: Any, queue_url: str, message: Mapping[str, object]) -> str:
    """Enqueue the job by boto3's SQS client. The callback has the returned id as externalId and executionArn."""
    sent = client.send_message(QueueUrl=queue_url, MessageBody=json.dumps(message))
    return str(sent["MessageId"])
