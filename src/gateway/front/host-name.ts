// What a request calls its host: a name, an address, or this very machine.

/** The request's Host without its port, in lower case. */
export function hostOf(request: Request): string {
  const host = request.headers.get("host") ?? "";
  return host.replace(/:[0-9]*$/, "").toLowerCase();
}

/** The path that is asked for. Of a Host that is absent or none, as in HTTP/1.0, Bun makes no URL. (bun 1.4.5) */
export function pathOf({ url }: Request): string {
  const known = URL.parse(url) ?? new URL(`http://localhost${url.replace(/^[^/]*/, "")}`);
  return known.pathname;
}

export type AddressKind = "loopback" | "address" | "name";

/** `unsafeHost` is a host without its port, an IPv6 address in brackets. */
export function addressKind(unsafeHost: string): AddressKind {
  const host = unsafeHost.toLowerCase();
  if (host === "localhost" || host.endsWith(".localhost") || host === "[::1]") return "loopback";
  if (/^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$/.test(host)) {
    return host.startsWith("127.") ? "loopback" : "address";
  }
  return /^\[[0-9a-f:.]+\]$/.test(host) ? "address" : "name";
}
