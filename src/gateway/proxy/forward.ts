// One HTTP request, passed on to a server on this machine and its answer back, both as streams where they may be long.
// Looks at no body.

/** Where the server listens. */
export interface Upstream {
  readonly port: number;
  /** What clients show as their authorization is for the runner, and not for the server. */
  readonly isGuarded: boolean;
}

/** Of one connection only, and the next one has its own. https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** Bytes of a body that is read before it is passed on: whole, it costs a fraction of what a stream does. */
const SHORT_BYTES = 65_536;

/** Passes the request on. Rejects where nothing answers. */
export async function forward(request: Request, upstream: Upstream): Promise<Response> {
  const { port } = upstream;
  const { pathname, search } = new URL(request.url);
  const response = await fetch(`http://127.0.0.1:${port}${pathname}${search}`, {
    method: request.method,
    headers: headersFor(request, upstream),
    body: isShort(request.headers) ? await request.bytes() : request.body,
    redirect: "manual",
    // A client that leaves is nobody to answer.
    signal: request.signal,
    // The server is on this machine, whatever the proxy settings say.
    proxy: "",
    // As it came, and for as long as it takes: an event stream may be silent for hours.
    decompress: false,
    timeout: false,
  } as RequestInit);
  const headers = new Headers(response.headers);
  for (const name of HOP_BY_HOP) headers.delete(name);
  const body = isShort(response.headers) ? await response.bytes() : response.body;
  return new Response(body, { status: response.status, headers });
}

/** What a server on loopback that guards against DNS rebinding expects: its own address, and no foreign page. */
export function headersFor(request: Request, { port, isGuarded }: Upstream): Headers {
  const headers = new Headers(request.headers);
  const named = (headers.get("connection") ?? "").split(",").map((name) => name.trim());
  for (const name of [...HOP_BY_HOP, ...named]) if (name !== "") headers.delete(name);
  // Which pages may call has been decided.
  headers.delete("origin");
  if (isGuarded) headers.delete("authorization");
  headers.set("x-forwarded-host", request.headers.get("host") ?? "");
  headers.set("host", `127.0.0.1:${port}`);
  return headers;
}

function isShort(headers: Headers): boolean {
  const length = Number(headers.get("content-length"));
  return length > 0 && length <= SHORT_BYTES;
}
