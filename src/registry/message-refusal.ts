// The error for an HTTP answer that is a refusal: its status, its headers and its body, put into words.

import { RunnerError } from "../errors.ts";
import { inWords } from "./duration.ts";
import { parseRateLimit } from "./rate-limit.ts";
import { parseRefusal, refusalError, type Asked } from "./refusal.ts";
import { discard, MAX_MESSAGE_BYTES, readBody, type Answer, type Message } from "./request.ts";
import { isLongWait, parseRetryAfter } from "./retry.ts";

/** Reads what a refusal says for itself, and ends it. */
export async function answerRefusal(answer: Answer, asked: Asked): Promise<RunnerError> {
  if (answer.isForeign) await discard(answer);
  const bytes = answer.isForeign
    ? undefined
    : await readBody(answer.body, MAX_MESSAGE_BYTES).catch(() => undefined);
  return messageRefusal({ ...answer, bytes }, asked);
}

/** REGISTRY_LIMITED, IMAGE_NOT_FOUND, REGISTRY_DENIED or REGISTRY_RESPONSE_INVALID. */
export function messageRefusal(message: Message, asked: Asked): RunnerError {
  const { status, headers, bytes } = message;
  const waitMs = parseRetryAfter(headers, Date.now());
  if (message.isForeign) return foreignRefusal(message, waitMs, asked);
  const rateLimit = parseRateLimit(headers);
  return refusalError({ status, ...parseRefusal(bytes), waitMs, rateLimit }, asked);
}

// What another host says, to which the registry has sent us, is not about our username and password.
function foreignRefusal(
  { host, status }: Message,
  waitMs: number | undefined,
  { reference }: Asked,
): RunnerError {
  const place = `${host}, where ${reference.registry} keeps ${reference.repository},`;
  const wait = waitMs ? `; it asks to wait ${inWords(waitMs)}` : "";
  if (status === 429 || isLongWait(status, waitMs)) {
    const problem =
      status === 429 ? "limits how often it is asked" : `answers with HTTP status ${status}`;
    return new RunnerError("REGISTRY_LIMITED", `${place} ${problem}${wait}`, {
      hint: "Wait, and try again.",
    });
  }
  return new RunnerError(
    "REGISTRY_RESPONSE_INVALID",
    `${place} answers with HTTP status ${status}`,
    {
      hint: "The registry's storage has a problem of its own; try again later.",
    },
  );
}
