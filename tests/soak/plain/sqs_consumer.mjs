// The job as an afternoon's consumer on bbc's sqs-consumer, set up as its documentation says where nothing may get lost.
import { createHmac } from "node:crypto";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import { Consumer } from "sqs-consumer";

const { CALLBACK_SECRET, CALLBACK_URL, MEDIA_BUCKET, QUEUE_URL } = process.env;
const LEASE = Number(process.env.VISIBILITY_TIMEOUT);
const RECEIVES = Number(process.env.MAX_RECEIVE_COUNT);
const requestHandler = { connectionTimeout: 5_000, requestTimeout: 30_000, throwOnRequestTimeout: true };
const s3 = new S3Client({ forcePathStyle: true, requestHandler });
const sqs = new SQSClient({ useQueueUrlAsEndpoint: false, requestHandler });

const receives = (message) => Number(message.Attributes.ApproximateReceiveCount);
const isLast = (message) => receives(message) >= RECEIVES;
const hmac = (text, encoding) => createHmac("sha256", CALLBACK_SECRET).update(text).digest(encoding);

async function tell(message, job, status, outputs) {
  const body = JSON.stringify({ jobId: job.jobId, listingId: job.listingId, status, outputs });
  const id = `${message.MessageId}-${status}`;
  const timestamp = String(Math.floor(Date.now() / 1000));
  const answer = await fetch(CALLBACK_URL, {
    method: "POST",
    body,
    headers: {
      "Content-Type": "application/json",
      "X-Toq-Signature": hmac(body, "hex"),
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1,${hmac(`${id}.${timestamp}.${body}`, "base64")}`,
    },
    signal: AbortSignal.timeout(15_000),
  });
  if (!answer.ok) throw new Error(`the backend answered ${answer.status}`);
}

async function derive(job) {
  const originals = [];
  const outputs = [];
  for (const rawKey of job.assets) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: MEDIA_BUCKET, Key: rawKey }));
    const data = await Body.transformToByteArray();
    if (Buffer.from(data).includes("POISON")) process.kill(process.pid, "SIGKILL"); // as a decoder that crashes
    const file = rawKey.split("/").pop();
    const processedKey = rawKey.replace("/raw/", "/processed/").replace(file, `large/${file}`);
    await s3.send(new PutObjectCommand({ Bucket: MEDIA_BUCKET, Key: processedKey, Body: data }));
    originals.push(data);
    outputs.push({ rawKey, processedKey });
  }
  const bundle = `${job.listingId}/processed/zip/${job.listingId}.zip`;
  await s3.send(new PutObjectCommand({ Bucket: MEDIA_BUCKET, Key: bundle, Body: Buffer.concat(originals) }));
  return outputs;
}

const consumer = Consumer.create({
  queueUrl: QUEUE_URL,
  sqs,
  batchSize: 4,
  waitTimeSeconds: 3,
  visibilityTimeout: LEASE,
  heartbeatInterval: LEASE / 3,
  handleMessageTimeout: 120_000,
  terminateVisibilityTimeout: ([message]) => (isLast(message) ? 0 : 15 * 2 ** (receives(message) - 1)),
  pollingCompleteWaitTimeMs: 25_000,
  messageSystemAttributeNames: ["ApproximateReceiveCount"],
  handleMessage: async (message) => {
    const job = JSON.parse(message.Body);
    try {
      await tell(message, job, "SUCCEEDED", await derive(job));
    } catch (error) {
      if (isLast(message)) await tell(message, job, "PROCESSING_FAILED", []);
      throw error;
    }
    return message;
  },
});

for (const event of ["error", "processing_error", "timeout_error"]) {
  consumer.on(event, (error) => console.error(event, error.message));
}
process.once("SIGTERM", () => {
  consumer.once("stopped", () => process.exit(0));
  consumer.stop();
});
consumer.start();
