// Reads requests as JSON and writes what the page's program says of each: both signatures.
import { readFileSync } from "node:fs";
import { verifyToq, verifyWebhook } from "./verify.ts";

const SECRET = "a-secret-of-the-tests";
const requests: { headers: Record<string, string>; body: string }[] = JSON.parse(readFileSync(0, "utf8"));
const verdicts = requests.map(({ headers, body }) => {
  const bytes = Buffer.from(body, "base64");
  return [verifyToq(SECRET, headers, bytes), verifyWebhook(SECRET, headers, bytes)];
});
console.log(JSON.stringify(verdicts));
