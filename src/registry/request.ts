// One HTTP request, with its redirects followed by hand. Knows neither registries nor passwords: it is handed an
// Authorization header, and sees to it that only the origin which it was meant for gets it.

import { RunnerError } from "../errors.ts";
import { endInTime } from "../system/in-time.ts";
import { watchStall } from "../system/stall.ts";
import { zoneOf } from "./host.ts";
import { endless, proxyRefusal, silent, unreachable } from "./network-problem.ts";
import { nextAddress } from "./redirect.ts";
import type { Transport } from "./transport.ts";

/** What all requests of a client have in common. */
export interface Wire {
  /** Milliseconds without a byte after which a host counts as unreachable. */
  readonly stallMs: number;
  /** Ends requests and bodies, with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** How hosts are reached; as Bun would reach them when absent. */
  readonly transport?: Pick<Transport, "route"> | undefined;
}

export interface RequestOptions extends Wire {
  readonly method?: "GET" | "HEAD";
  readonly accept: string;
  /** Others, which every host on the way may see. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly authorization?: string | undefined;
  /** Makes it a POST. Redirects of one are not followed: what it carries is for the host that was asked. */
  readonly form?: URLSearchParams;
  /** Throws when a redirect must not be followed there, though it might be by the general rules. */
  readonly checkRedirect?: (url: URL) => void;
}

interface Head {
  readonly status: number;
  readonly headers: Headers;
  /** The host that answered, after redirects. */
  readonly host: string;
  /** It is not the origin that was asked, so nothing that it demands concerns the password. */
  readonly isForeign: boolean;
}

export interface Answer extends Head {
  /**
   * Fails with REGISTRY_UNREACHABLE when the host falls silent or breaks off; if it only explains another status than
   * success, also when it is not whole after twice `stallMs`.
   */
  readonly body: ReadableStream<Uint8Array>;
}

/** An answer that has been read. */
export interface Message extends Head {
  /** Undefined when there were too many. */
  readonly bytes: Uint8Array | undefined;
}

/** Bytes of any answer that is neither a manifest nor a blob. */
export const MAX_MESSAGE_BYTES = 64 * 1024;

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Throws REGISTRY_UNREACHABLE, REGISTRY_REDIRECT_REFUSED, REGISTRY_RESPONSE_INVALID, and the signal's reason. */
export async function request(url: URL, options: RequestOptions): Promise<Answer> {
  let address = url;
  let isForeign = false;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const answer = await send(address, isForeign, options);
    if (!REDIRECTS.has(answer.status) || options.form !== undefined) return answer;
    await discard(answer);
    address = nextAddress(address, answer.headers.get("location"));
    options.checkRedirect?.(address);
    // Once away from the origin a redirect back to it is another host's wish, not the registry's.
    isForeign ||= address.origin !== url.origin;
  }
  throw new RunnerError(
    "REGISTRY_RESPONSE_INVALID",
    `${url.host} redirects its clients more than ${MAX_REDIRECTS} times`,
  );
}

/** The same, with at most `maxBytes` of a body of status 200, and less of what explains another status. */
export async function requestMessage(
  url: URL,
  options: RequestOptions & { readonly maxBytes: number },
): Promise<Message> {
  const { body, ...head } = await request(url, options);
  if (head.status === 200) {
    // A byte now and then is not silence, and would keep us for weeks.
    const ms = 2 * options.stallMs * Math.max(1, Math.ceil(options.maxBytes / MAX_MESSAGE_BYTES));
    const late = () => endless(head.host, ms);
    return { ...head, bytes: await readBody(endInTime(body, ms, late), options.maxBytes) };
  }
  // The status counts, even where its explanation breaks off.
  return { ...head, bytes: await readBody(body, MAX_MESSAGE_BYTES).catch(() => undefined) };
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
  const { stallMs, signal } = options;
  const route = options.transport?.route(url);
  const stall = new AbortController();
  const onStall = () => stall.abort(silent(url.host, stallMs, route?.proxy));
  const translate = (error: unknown) =>
    signal?.aborted ? signal.reason : unreachable(url.host, error, route?.proxy);
  const timer = setTimeout(onStall, stallMs);
  try {
    const response = await fetch(url, {
      ...messageOf(options, isForeign),
      redirect: "manual",
      // A digest is over the bytes as they are stored.
      decompress: false,
      signal: signal === undefined ? stall.signal : AbortSignal.any([signal, stall.signal]),
      ...(route?.options ?? defaultRoute(url)),
    });
    const { status, headers } = response;
    // Only a proxy says that, and a tunnel's is an error of `fetch`.
    if (status === 407 && route?.proxy) throw proxyRefusal(url.host, route.proxy, status);
    const source = response.body ?? new Blob([]).stream();
    const watched = watchStall(source, { stallMs, onStall, translate });
    const late = () => endless(url.host, 2 * stallMs, route?.proxy);
    const body = status < 300 ? watched : endInTime(watched, 2 * stallMs, late);
    return { status, headers, body, host: url.host, isForeign };
  } catch (error) {
    throw translate(error);
  } finally {
    clearTimeout(timer);
  }
}

function messageOf(
  { method = "GET", accept, headers, authorization, form }: RequestOptions,
  isForeign: boolean,
): RequestInit {
  return {
    method: form === undefined ? method : "POST",
    headers: {
      ...headers,
      accept,
      "accept-encoding": "identity",
      "user-agent": "fastmcp-runner",
      ...(authorization === undefined || isForeign ? {} : { authorization }),
    },
    ...(form === undefined ? {} : { body: form }),
  };
}

function defaultRoute(url: URL): BunFetchRequestInit {
  return {
    // NODE_TLS_REJECT_UNAUTHORIZED=0 would switch it off.
    tls: { rejectUnauthorized: true },
    // A proxy's loopback is not ours.
    ...(zoneOf(url) === "loopback" ? { proxy: false } : {}),
  };
}
