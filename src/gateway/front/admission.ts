// Who may ask: by the Host they call, the page they call from, and the token they show. Decides before anything of a
// request but its headers is read. https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#security-warning

import { failureResponse, RPC_CODES } from "../rpc/failures.ts";
import { addressKind, hostOf } from "./host-name.ts";
import { isVisit } from "./visit.ts";

export interface AdmissionRules {
  /** What clients show as `Authorization: Bearer …`; when absent, nobody has to. */
  readonly token?: string | undefined;
  /** Names besides addresses and localhost; `*` for all. */
  readonly hosts: readonly string[];
  /** Origins besides the runner's own page. */
  readonly origins: readonly string[];
  /** Is told why a request was refused: whoever set the rules may have forgotten a name. */
  onRefused?(unsafeWhy: string): void;
}

export interface Admission {
  /** The refusal of a request by a page that is not allowed, or under a name that is not the server's. */
  refuse(request: Request): Response | undefined;
  /** The principal that the request's token proves, or the refusal. */
  identify(request: Request): string | Response;
  /** The answer to a browser that asks before it sends. */
  preflight(request: Request): Response;
  /** The headers by which a browser lets the asking page read this response. */
  corsFor(request: Request): Readonly<Record<string, string>>;
}

/** What everybody is where no token is asked for. */
const ANYBODY = "anybody";
const HOLDER = "holder of the token";

const TOKEN_WANTED =
  "This server wants a token: send the header `Authorization: Bearer TOKEN`, with what its owner has set as AUTH_TOKEN.";
const TOKEN_WRONG = "The token in the header Authorization is not this server's AUTH_TOKEN.";

const METHODS = "GET, POST, DELETE, OPTIONS";
const MAX_AGE_SECONDS = 600;
const ALWAYS_ASKED = [
  "authorization",
  "content-type",
  "last-event-id",
  "mcp-method",
  "mcp-name",
  "mcp-protocol-version",
  "mcp-session-id",
];

/** Admits by these rules. */
export function createAdmission(rules: AdmissionRules): Admission {
  const hosts = new Set(rules.hosts.map((host) => host.toLowerCase()));
  const origins = new Set(rules.origins.map((origin) => origin.toLowerCase()));
  const digest = rules.token === undefined ? undefined : sha256(rules.token);

  const originIsAllowed = (origin: string, request: Request) =>
    origins.has(origin.toLowerCase()) || isOwnPage(origin, request) || isLocalPage(origin, request);
  const problemOf = (request: Request): string | undefined => {
    if (!URL.canParse(request.url)) return "The request's Host is no host.";
    const host = hostOf(request);
    if (!hostIsAllowed(host, hosts, rules.token !== undefined)) {
      return `This server is not known as ${JSON.stringify(host)}. If it should be, its owner sets ALLOWED_HOSTS=${host}.`;
    }
    const origin = request.headers.get("origin");
    if (origin === null || originIsAllowed(origin, request)) return undefined;
    return `Pages of ${JSON.stringify(origin)} may not call this server. If they should, its owner sets ALLOWED_ORIGINS=${origin}.`;
  };
  return {
    refuse(request) {
      const problem = problemOf(request);
      if (problem === undefined) return undefined;
      rules.onRefused?.(problem);
      return isVisit(request) ? plainRefusal(403, problem) : refusal(403, problem);
    },
    identify(request) {
      if (digest === undefined) return ANYBODY;
      const authorization = request.headers.get("authorization");
      const [, token] = /^bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
      if (token !== undefined && equal(sha256(token), digest)) return HOLDER;
      return refusal(401, token === undefined ? TOKEN_WANTED : TOKEN_WRONG, {
        "www-authenticate": token === undefined ? "Bearer" : 'Bearer error="invalid_token"',
      });
    },
    preflight(request) {
      const asked = request.headers.get("access-control-request-headers") ?? "";
      return new Response(null, {
        status: 204,
        headers: {
          ...this.corsFor(request),
          "access-control-allow-methods": METHODS,
          "access-control-allow-headers": allowedHeaders(asked),
          "access-control-max-age": String(MAX_AGE_SECONDS),
        },
      });
    },
    corsFor(request) {
      const origin = request.headers.get("origin");
      if (origin === null || !originIsAllowed(origin, request)) return { vary: "Origin" };
      return {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "mcp-session-id, mcp-protocol-version, www-authenticate",
        vary: "Origin",
      };
    },
  };
}

// An attacker's page reaches a server behind its visitor's firewall by a name of the attacker's own that resolves to
// it, and its browser sends that name. It knows neither an address nor the token.
function hostIsAllowed(host: string, hosts: ReadonlySet<string>, hasToken: boolean): boolean {
  return hasToken || hosts.has("*") || hosts.has(host) || addressKind(host) !== "name";
}

function isOwnPage(origin: string, request: Request): boolean {
  return WEB_ORIGIN.test(origin) && URL.parse(origin)?.host === request.headers.get("host");
}

// The tools of a developer are pages of the same machine.
function isLocalPage(origin: string, request: Request): boolean {
  if (!WEB_ORIGIN.test(origin) || addressKind(hostOf(request)) !== "loopback") return false;
  return addressKind(URL.parse(origin)?.hostname ?? "") === "loopback";
}

/** An app's web view says localhost, too, under a scheme of its own, whatever page it shows. */
const WEB_ORIGIN = /^https?:\/\//i;

// Mcp-Param-… are named by tools.
function allowedHeaders(asked: string): string {
  const own = asked
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => /^mcp-[a-z0-9-]+$/.test(name));
  return [...new Set([...ALWAYS_ASKED, ...own])].join(", ");
}

function refusal(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return failureResponse(status, { code: RPC_CODES.REFUSED, message }, headers);
}

function plainRefusal(status: number, message: string): Response {
  return new Response(`${message}\n`, { status });
}

function sha256(text: string): Uint8Array {
  return new Bun.CryptoHasher("sha256").update(text).digest();
}

// Every byte is looked at, so that the time tells nothing of where two differ; the digests, not the length either.
function equal(one: Uint8Array, other: Uint8Array): boolean {
  let difference = 0;
  for (const [index, byte] of one.entries()) difference |= byte ^ (other[index] ?? 0);
  return difference === 0;
}
