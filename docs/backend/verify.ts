import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

const TOLERANCE_SECONDS = 300;

/** Checks X-Toq-Signature against the body as it came, before any parsing. */
export function verifyToq(secret: string, headers: IncomingHttpHeaders, body: Uint8Array): boolean {
  const expected = createHmac("sha256", secret).update(body).digest("hex");
  return same(String(headers["x-toq-signature"]), expected);
}

/** Checks the headers of Standard Webhooks. It also refuses what is older than the tolerance. */
export function verifyWebhook(
  secret: string, headers: IncomingHttpHeaders, body: Uint8Array, now: number = Date.now(),
): boolean {
  const [id, timestamp] = [String(headers["webhook-id"] ?? ""), String(headers["webhook-timestamp"] ?? "")];
  if (!/^\d+$/.test(timestamp) || Math.abs(now / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const expected = "v1," + createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body).digest("base64");
  return String(headers["webhook-signature"]).split(" ").some((given) => same(given, expected));
}

function same(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}
