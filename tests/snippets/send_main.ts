// Sends a job and two finalizations to the queue that it is given, and prints the messages' ids.
import { SQSClient } from "@aws-sdk/client-sqs";
import { send } from "./send.ts";

const [endpoint, queueUrl] = process.argv.slice(2) as [string, string];
const client = new SQSClient({
  endpoint, region: "us-east-1", credentials: { accessKeyId: "test", secretAccessKey: "test" },
});
const key = "28/raw/photo/horizontal/3f6c.jpg";
const photo = { key, type: "PHOTO_HORIZONTAL", size: 5242880 };
console.log(await send(client, queueUrl, { jobId: "21", listingId: 28, batchId: "b-7f3a", assets: [photo] }, "owner-7"));
console.log(await send(client, queueUrl, { kind: "finalize", jobId: 22, listingId: 28, assets: [{ key }] }));
console.log(await send(client, queueUrl, { kind: "finalize", jobId: 23, listingId: 28, assets: [] }));
