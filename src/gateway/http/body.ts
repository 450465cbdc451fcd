// The body of a POST: JSON by its media type, UTF-8, and no longer than agreed. Does not parse it.

import { failureResponse, RPC_CODES } from "../rpc/failures.ts";
import { isJson } from "./negotiation.ts";

/** The body's text, or the response that refuses it: 415 another media type, 413 too long, 400 no UTF-8. */
export async function readBody(request: Request, maxBytes: number): Promise<string | Response> {
  if (!isJson(request.headers.get("content-type"))) {
    return failureResponse(415, {
      code: RPC_CODES.REFUSED,
      message: "Content-Type has to be application/json.",
    });
  }
  const declared = request.headers.get("content-length");
  if (declared !== null && Number(declared) > maxBytes) return tooLong(maxBytes);
  let bytes: Uint8Array | undefined;
  try {
    // A body that says how long it is cannot become longer; any other is counted.
    bytes = declared === null ? await readAtMost(request.body, maxBytes) : await request.bytes();
  } catch {
    return failureResponse(400, {
      code: RPC_CODES.REFUSED,
      message: "The body broke off before its end.",
    });
  }
  if (bytes === undefined) return tooLong(maxBytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return failureResponse(400, { code: RPC_CODES.UNPARSABLE, message: "The body is not UTF-8." });
  }
}

/** Undefined where there is more. */
async function readAtMost(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLong(maxBytes: number): Response {
  return failureResponse(413, {
    code: RPC_CODES.REFUSED,
    message: `The body is longer than the ${maxBytes} bytes that are accepted.`,
  });
}
