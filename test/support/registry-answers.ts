// Answers as a good registry and a good object store give them.

import type { WireAnswer, WireRequest } from "./wire-server.ts";

const ETAG = '"one and the same"';

/** An answer as a good server gives it, with a Content-Length. */
export function proper(
  status: number,
  body: Uint8Array | string = "",
  headers: Readonly<Record<string, string>> = {},
): WireAnswer {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const length = ["content-length", String(bytes.byteLength)] as const;
  return { status, headers: [...Object.entries(headers), length], body: bytes };
}

/** A refusal in the specification's shape. */
export function refusal(
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): WireAnswer {
  const body = JSON.stringify({ errors: [{ code, message: `refused: ${code}` }] });
  return proper(status, body, { "content-type": "application/json", ...headers });
}

/**
 * A blob, or the one range of it that is asked for, which is all that a pull needs.
 * https://www.rfc-editor.org/rfc/rfc9110#section-14
 */
export function blobAnswer(blob: Uint8Array, { headers }: WireRequest): WireAnswer {
  const type = { "content-type": "application/octet-stream", "accept-ranges": "bytes" };
  const tagged = { ...type, etag: ETAG };
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.get("range") ?? "") ?? [];
  const isSame = (headers.get("if-range") ?? ETAG) === ETAG;
  if (from === undefined || !isSame) return proper(200, blob, tagged);
  const size = blob.byteLength;
  const last = Math.min(to === "" || to === undefined ? size - 1 : Number(to), size - 1);
  if (Number(from) > last) return proper(416, "", { "content-range": `bytes */${size}` });
  const part = blob.subarray(Number(from), last + 1);
  return proper(206, part, { ...tagged, "content-range": `bytes ${from}-${last}/${size}` });
}
