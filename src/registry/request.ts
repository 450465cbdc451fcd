// One GET, with its redirects followed by hand. Knows HTTP, but neither registries nor passwords: it is handed an
// Authorization header, and sees to it that only the origin which it was meant for gets it.

import { RunnerError } from "../errors.ts";
import { watchStall } from "../system/stall.ts";
import { zoneOf } from "./host.ts";
import { silent, unreachable } from "./network-problem.ts";
import { nextAddress } from "./redirect.ts";

export interface RequestOptions {
  readonly accept: string;
  readonly authorization?: string | undefined;
  /** Milliseconds without a byte after which the host counts as unreachable. */
  readonly stallMs: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Fails with REGISTRY_UNREACHABLE when the host falls silent or breaks off. */
  readonly body: ReadableStream<Uint8Array>;
  /** The host that answered, after redirects. */
  readonly host: string;
  /** It is not the origin that was asked, so nothing that it demands concerns the password. */
  readonly isForeign: boolean;
}

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Throws REGISTRY_UNREACHABLE, REGISTRY_REDIRECT_REFUSED, REGISTRY_RESPONSE_INVALID. */
export async function request(url: URL, options: RequestOptions): Promise<Answer> {
  let address = url;
  let isForeign = false;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const answer = await send(address, isForeign, options);
    if (!REDIRECTS.has(answer.status)) return answer;
    await discard(answer);
    address = nextAddress(address, answer.headers.get("location"));
    // Once away from the origin a redirect back to it is another host's wish, not the registry's.
    isForeign ||= address.origin !== url.origin;
  }
  throw new RunnerError(
    "REGISTRY_RESPONSE_INVALID",
    `${url.host} redirects its clients more than ${MAX_REDIRECTS} times`,
  );
}

/** Reads a body of at most `maxBytes`; of a longer one nothing is returned. */
export async function readBody(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    // Leaving the loop cancels the stream.
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Ends an answer whose body nobody wants. */
export async function discard({ body }: Answer): Promise<void> {
  await body.cancel().catch(() => {});
}

async function send(url: URL, isForeign: boolean, options: RequestOptions): Promise<Answer> {
  const { accept, authorization, stallMs } = options;
  const abort = new AbortController();
  const onStall = () => abort.abort(silent(url.host, stallMs));
  const timer = setTimeout(onStall, stallMs);
  try {
    const response = await fetch(url, {
      redirect: "manual",
      // A digest is over the bytes as they are stored.
      decompress: false,
      headers: {
        accept,
        "accept-encoding": "identity",
        "user-agent": "fastmcp-runner",
        ...(authorization === undefined || isForeign ? {} : { authorization }),
      },
      signal: abort.signal,
      // NODE_TLS_REJECT_UNAUTHORIZED=0 would switch it off.
      tls: { rejectUnauthorized: true },
      // A proxy's loopback is not ours.
      ...(zoneOf(url) === "loopback" ? { proxy: false } : {}),
    });
    const { status, headers } = response;
    const source = response.body ?? new Blob([]).stream();
    const translate = (error: unknown) => unreachable(url.host, error);
    const body = watchStall(source, { stallMs, onStall, translate });
    return { status, headers, body, host: url.host, isForeign };
  } catch (error) {
    throw unreachable(url.host, error);
  } finally {
    clearTimeout(timer);
  }
}
