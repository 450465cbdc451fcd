// A token service as docker-registry wants one: it signs JSON Web Tokens that the registry checks by itself. Knows one
// account; whoever is nobody gets tokens that are good for the repositories below `public/` alone.
// https://github.com/distribution/distribution/blob/v2.8.2/docs/spec/auth/jwt.md

import { createHash, createPublicKey, sign, X509Certificate } from "node:crypto";
import type { Identity } from "./certificate-authority.ts";
import type { Account } from "./loopback-registry.ts";

export interface TokenServerOptions {
  readonly account: Account;
  /** Signs the tokens; an RSA key makes RS256, a key on P-256 makes ES256. */
  readonly identity: Identity;
  /** How a token says who has signed it: by the certificate, or by the key's name. */
  readonly header: "x5c" | "kid";
  /** What may be shown instead of the password, by POST. */
  readonly identityToken?: string;
}

export interface TokenServer extends Disposable {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** The Authorization header of somebody who may do all this to a repository. */
  authorization(repository: string, actions: readonly string[]): string;
  /** Methods of the requests, and who asked, in order. */
  readonly requests: readonly string[];
}

interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

const SERVICE = "docker-registry, for tests";
const ISSUER = "a token server, for tests";
const LIFETIME_SECONDS = 300;

/** Starts on a free port of 127.0.0.1. */
export function startTokenServer(options: TokenServerOptions): TokenServer {
  const requests: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const url = new URL(request.url);
      const form = new URLSearchParams(await request.text());
      const parameters = request.method === "POST" ? form : url.searchParams;
      const who = whoAsks(request, form, options);
      requests.push(`${request.method} ${who}`);
      if (who === "stranger")
        return Response.json({ errors: [{ code: "UNAUTHORIZED" }] }, { status: 401 });
      if (parameters.get("service") !== SERVICE) return new Response(null, { status: 400 });
      const scopes = parameters.getAll("scope").flatMap((scope) => scope.split(" "));
      const granted = scopes.flatMap((scope) => accessOf(scope, who === "account"));
      const token = signToken(granted, options);
      return Response.json({
        [request.method === "POST" ? "access_token" : "token"]: token,
        expires_in: LIFETIME_SECONDS,
      });
    },
  });
  return {
    // By name: crane refuses a service at an address of this machine whose port is not the registry's.
    realm: `http://localhost:${server.port}/token`,
    service: SERVICE,
    issuer: ISSUER,
    authorization: (name, actions) =>
      `Bearer ${signToken([{ type: "repository", name, actions }], options)}`,
    requests,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

function whoAsks(
  request: Request,
  form: URLSearchParams,
  { account, identityToken }: TokenServerOptions,
): "nobody" | "account" | "stranger" {
  if (request.method === "POST") {
    const isKnown = form.get("grant_type") === "refresh_token" && identityToken !== undefined;
    return isKnown && form.get("refresh_token") === identityToken ? "account" : "stranger";
  }
  const shown = request.headers.get("authorization");
  if (shown === null) return "nobody";
  const { username, password } = account;
  const basic = Buffer.from(`${username}:${password}`).toString("base64");
  return shown === `Basic ${basic}` ? "account" : "stranger";
}

function accessOf(scope: string, isKnown: boolean): Access[] {
  const [, type = "", name = "", actions = ""] = /^(\w+):(.+):([\w,]+)$/.exec(scope) ?? [];
  const isAllowed = isKnown || name.startsWith("public/");
  const granted = isAllowed ? actions.split(",").filter((action) => action === "pull") : [];
  return granted.length === 0 ? [] : [{ type, name, actions: granted }];
}

function signToken(access: readonly Access[], { identity, header }: TokenServerOptions): string {
  const certificate = new X509Certificate(identity.cert);
  const isElliptic = certificate.publicKey.asymmetricKeyType === "ec";
  const now = Math.floor(Date.now() / 1000);
  const signer =
    header === "x5c" ? { x5c: [certificate.raw.toString("base64")] } : { kid: keyName(identity) };
  const parts = [
    { typ: "JWT", alg: isElliptic ? "ES256" : "RS256", ...signer },
    {
      iss: ISSUER,
      sub: "",
      aud: SERVICE,
      exp: now + LIFETIME_SECONDS,
      // The clocks are one and the same, but both round.
      nbf: now - 1,
      iat: now,
      jti: crypto.randomUUID(),
      access,
    },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  const key = { key: identity.key, dsaEncoding: "ieee-p1363" as const };
  const signature = sign("sha256", Buffer.from(parts.join(".")), key);
  return [...parts, signature.toString("base64url")].join(".");
}

// The fingerprint that docker's libtrust gives a public key: 240 bits of its hash in base32, in groups of four.
// https://github.com/distribution/distribution/blob/v2.8.2/docs/spec/auth/jwt.md#json-web-token-fields
function keyName({ cert }: Identity): string {
  const key = createPublicKey(cert).export({ type: "spki", format: "der" });
  const digest = createHash("sha256").update(key).digest().subarray(0, 30);
  const bits = [...digest].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const letters = bits.match(/.{5}/g)?.map((five) => BASE32[Number.parseInt(five, 2)]) ?? [];
  return letters.join("").match(/.{4}/g)?.join(":") ?? "";
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
