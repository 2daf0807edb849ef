import { SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";

export interface Asset {
  key: string;
  type?: string;
  size?: number;
  sha256?: string;
  etag?: string;
}

export interface Message {
  kind?: "process" | "finalize";
  jobId: number | string; // a string of digits beyond Number.MAX_SAFE_INTEGER
  listingId: number | string;
  batchId?: number | string; // the callback gives it back
  assets: Asset[];
}

/** Enqueues the job and returns the message's id, which the callback has as externalId and executionArn. */
export async function send(
  client: SQSClient, queueUrl: string, message: Message, ownerId?: string, // of the listing
): Promise<string> {
  const command = new SendMessageCommand({
    QueueUrl: queueUrl,
    MessageBody: JSON.stringify(message),
    MessageGroupId: ownerId, // by it SQS keeps an owner of many jobs from holding up the others
  });
  const sent = await client.send(command);
  return sent.MessageId!;
}
