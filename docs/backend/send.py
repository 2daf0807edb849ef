import json
from collections.abc import Mapping
from typing import Any


def send(client: Any, queue_url: str, message: Mapping[str, object], owner_id: str | None = None) -> str:
    """Enqueue the job by boto3's SQS client. The callback has the returned id as externalId and executionArn."""
    fair = {"MessageGroupId": owner_id} if owner_id else {}  # so that no owner holds up the others
    sent = client.send_message(QueueUrl=queue_url, MessageBody=json.dumps(message), **fair)
    return str(sent["MessageId"])
