// A registry on loopback that misbehaves on demand, one step of a pull at a time, and forgives nothing: a client that
// shows a secret to the wrong host, or asks for what no pull needs, fails the test that it is in.
// Three hosts: the registry with its token service, the storage that its blobs may be redirected to, and a stranger.

import { parseDigest } from "../../src/oci/digest.ts";
import type { Arrivals } from "./arrivals.ts";
import type { BuiltImage } from "./image-builder.ts";
import type { Account } from "./loopback-registry.ts";
import { blobAnswer, proper, refusal } from "./registry-answers.ts";
import { offences } from "./strict-rules.ts";
import {
  startWireServer,
  type WireAnswer,
  type WireOptions,
  type WireRequest,
  type WireServer,
} from "./wire-server.ts";

/** What a request is for. A blob may be answered by the registry or, after a redirect, by the storage. */
export type Step = "token" | "manifest" | "config" | "blob" | "storage" | "stranger" | "other";

export type Host = "registry" | "storage" | "stranger";

export interface RegistryRequest extends WireRequest {
  readonly step: Step;
  /** How many requests there were at this step before. */
  readonly nth: number;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The digest or tag that is asked for. */
  readonly name: string;
  readonly hosts: Readonly<Record<Host, string>>;
  /** Waits until the client has so many bytes of the image's layers; of anything else, for nothing. */
  reached(total: number): Promise<void>;
}

/** What becomes of the answer that a good registry would give. */
export type Misbehaviour = (
  proper: WireAnswer,
  request: RegistryRequest,
) => WireAnswer | Promise<WireAnswer>;

export interface Fault {
  readonly at: Step;
  readonly does: Misbehaviour;
  /** Which of the requests at this step, counted from 0: the first so many. All of them by default. */
  readonly times?: number;
  /** How many go well before. */
  readonly after?: number;
}

export interface MisbehavingOptions extends WireOptions {
  /** By `repository:tag`. */
  readonly images: Readonly<Record<string, BuiltImage>>;
  /** Who may pull, and how they prove it; without an account tokens are handed to anyone. */
  readonly access?: { readonly scheme: "basic" | "bearer"; readonly account?: Account };
  /** Instead of the account's password, the token service takes this, by POST. */
  readonly identityToken?: string;
  /** Blobs, and configs with them, are redirected to the storage, to addresses that are signed. */
  readonly usesStorage?: boolean;
  /** Where the token service is, when not at the registry's own `/token`. */
  readonly realm?: string;
  /** What the hosts are called, where a proxy leads to them. */
  readonly names?: Readonly<Record<Host, string>>;
  readonly faults?: readonly Fault[];
  /** Told by the client what has come of the image's only layer. */
  readonly arrivals?: Arrivals;
}

export interface MisbehavingRegistry extends AsyncDisposable {
  /** `127.0.0.1:port`, as it stands in an image reference. */
  readonly host: string;
  readonly storageHost: string;
  /** `localhost:port`: this machine as well, but not the registry's name. */
  readonly strangerHost: string;
  readonly ports: Readonly<Record<Host, number>>;
  readonly requests: readonly (RegistryRequest & { readonly status: number })[];
  /** Steps and statuses in order, such as `manifest 401`. */
  readonly story: readonly string[];
  /** No token that was handed out is good any more. */
  expireTokens(): void;
}

const MANIFEST_PATH = /^\/v2\/(.+)\/manifests\/([^/]+)$/;
const BLOB_PATH = /^\/v2\/(.+)\/blobs\/([^/]+)$/;
export const SERVICE = "a registry, for tests";

/** Starts all three hosts. Disposing throws when the client has broken a rule. */
export async function startMisbehavingRegistry(
  options: MisbehavingOptions,
): Promise<MisbehavingRegistry> {
  const registry = new State(options);
  const servers: WireServer[] = [];
  const start = async (own: Host) => {
    // A fault of its own must not look like a connection that breaks.
    const answer = (request: WireRequest) =>
      registry.answer(own, request).catch((error: unknown) => {
        registry.offences.push(`the registry of this test fails: ${Bun.inspect(error)}`);
        throw error;
      });
    const server = await startWireServer(answer, options);
    servers.push(server);
    const here = `${own === "stranger" ? "localhost" : "127.0.0.1"}:${server.port}`;
    registry.hosts[own] = options.names?.[own] ?? here;
    return server.port;
  };
  const ports = {
    registry: await start("registry"),
    storage: await start("storage"),
    stranger: await start("stranger"),
  };
  return {
    host: registry.hosts.registry,
    storageHost: registry.hosts.storage,
    strangerHost: registry.hosts.stranger,
    ports,
    requests: registry.requests,
    get story() {
      return registry.requests.map(({ step, status }) => `${step} ${status}`);
    },
    expireTokens: () => registry.tokens.clear(),
    async [Symbol.asyncDispose]() {
      for (const server of servers) await server[Symbol.asyncDispose]();
      if (registry.offences.length > 0) throw new Error(registry.offences.join("\n"));
    },
  };
}

class State {
  readonly hosts: Record<Host, string> = { registry: "", storage: "", stranger: "" };
  readonly requests: (RegistryRequest & { status: number })[] = [];
  readonly offences: string[] = [];
  readonly tokens = new Map<string, string>();
  readonly #signatures = new Set<string>();
  readonly #options: MisbehavingOptions;

  constructor(options: MisbehavingOptions) {
    this.#options = options;
  }

  get #scheme(): string {
    return this.#options.tls === undefined ? "http" : "https";
  }

  get #realm(): string {
    return this.#options.realm ?? `${this.#scheme}://${this.hosts.registry}/token`;
  }

  async answer(own: Host, wire: WireRequest): Promise<WireAnswer> {
    const request = this.#understand(own, wire);
    this.offences.push(...offences(request, this.requests, this.#options));
    const record = { ...request, status: 0 };
    this.requests.push(record);
    let answer = this.#properAnswer(request);
    for (const { at, does, times = Infinity, after = 0 } of this.#options.faults ?? []) {
      const isMeant = at === request.step && request.nth >= after && request.nth < after + times;
      if (isMeant) answer = await does(answer, request);
    }
    record.status = answer.sent === "nothing" ? 0 : answer.status;
    // An answer to HEAD has the headers of the one to GET, and no body.
    return request.method === "HEAD" ? { ...answer, body: new Uint8Array() } : answer;
  }

  #understand(own: Host, wire: WireRequest): RegistryRequest {
    const { pathname: path, searchParams: query } = new URL(wire.target, "http://host/");
    const name = decodeURIComponent(path.split("/").at(-1) ?? "");
    const step = own === "registry" ? this.#stepOf(path, name) : own;
    const nth = this.requests.filter((request) => request.step === step).length;
    const { arrivals } = this.#options;
    const reached = async (total: number) => {
      if (this.#isLayer(name)) await arrivals?.reached(total);
    };
    return { ...wire, step, nth, path, query, name, hosts: this.hosts, reached };
  }

  #stepOf(path: string, name: string): Step {
    if (path === new URL(this.#realm).pathname) return "token";
    if (MANIFEST_PATH.test(path)) return "manifest";
    if (!BLOB_PATH.test(path)) return "other";
    return this.#isLayer(name) ? "blob" : "config";
  }

  #isLayer(name: string): boolean {
    const layers = Object.values(this.#options.images).flatMap((image) => image.layers);
    return layers.some((digest) => digest === name);
  }

  #properAnswer(request: RegistryRequest): WireAnswer {
    const { step, name } = request;
    if (step === "token") return this.#token(request);
    if (step === "stranger") return proper(200, "a stranger's words");
    if (step === "storage") return this.#stored(request);
    const denied = this.#denial(request);
    if (denied !== undefined) return denied;
    if (step === "other") return refusal(404, "UNSUPPORTED");
    if (step === "manifest") return this.#manifest(request);
    const blob = this.#blob(name);
    if (blob === undefined) return refusal(404, "BLOB_UNKNOWN");
    return this.#options.usesStorage ? this.#redirect(name) : blobAnswer(blob, request);
  }

  #manifest({ path, name, headers }: RegistryRequest): WireAnswer {
    const repository = MANIFEST_PATH.exec(path)?.[1] ?? "";
    const images = Object.entries(this.#options.images).filter(([key]) =>
      key.startsWith(`${repository}:`),
    );
    if (images.length === 0) return refusal(404, "NAME_UNKNOWN");
    const tagged = images.find(([key]) => key === `${repository}:${name}`)?.[1].root;
    const pinned = images
      .flatMap(([, image]) => [...image.documents.values()])
      .find(({ digest }) => digest === name);
    const document = tagged ?? pinned;
    const accepted = (headers.get("accept") ?? "").split(",").map((type) => type.trim());
    if (document === undefined || !accepted.includes(document.mediaType))
      return refusal(404, "MANIFEST_UNKNOWN");
    return proper(200, document.bytes, {
      "content-type": document.mediaType,
      "docker-content-digest": document.digest,
    });
  }

  #blob(name: string): Uint8Array | undefined {
    const digest = /^sha256:[0-9a-f]{64}$/.test(name) ? parseDigest(name) : undefined;
    if (digest === undefined) return undefined;
    return Object.values(this.#options.images)
      .find(({ blobs }) => blobs.has(digest))
      ?.blobs.get(digest);
  }

  #redirect(name: string): WireAnswer {
    const signature = `canary-signature-${this.#signatures.size}`;
    this.#signatures.add(signature);
    const location = `${this.#scheme}://${this.hosts.storage}/${name}?signature=${signature}`;
    return proper(307, "", { location });
  }

  // Object stores refuse a request that proves itself twice, by signature and by header.
  #stored(request: RegistryRequest): WireAnswer {
    if (request.headers.has("authorization")) return refusal(400, "UNSUPPORTED");
    if (!this.#signatures.has(request.query.get("signature") ?? "")) return refusal(403, "DENIED");
    const blob = this.#blob(request.name);
    return blob === undefined ? refusal(404, "BLOB_UNKNOWN") : blobAnswer(blob, request);
  }

  #denial({ headers, path }: RegistryRequest): WireAnswer | undefined {
    const { access } = this.#options;
    if (access === undefined) return undefined;
    const authorization = headers.get("authorization") ?? "";
    const scope = `repository:${(MANIFEST_PATH.exec(path) ?? BLOB_PATH.exec(path))?.[1]}:pull`;
    if (access.scheme === "basic") {
      if (access.account !== undefined && authorization === basic(access.account)) return undefined;
      return refusal(401, "UNAUTHORIZED", { "www-authenticate": `Basic realm="${SERVICE}"` });
    }
    if (this.tokens.get(authorization.replace(/^Bearer /, "")) === scope) return undefined;
    return refusal(401, "UNAUTHORIZED", {
      "www-authenticate": `Bearer realm="${this.#realm}",service="${SERVICE}",scope="${scope}"`,
    });
  }

  // https://github.com/distribution/distribution/blob/v2.8.3/docs/spec/auth/token.md
  #token({ method, headers, query, body }: RegistryRequest): WireAnswer {
    const { access, identityToken } = this.#options;
    const form = new URLSearchParams(body);
    const parameters = method === "POST" ? form : query;
    if (method === "POST" && identityToken === undefined) return refusal(404, "UNSUPPORTED");
    if (parameters.get("service") !== SERVICE) return refusal(400, "UNSUPPORTED");
    const isAllowed =
      method === "POST"
        ? form.get("grant_type") === "refresh_token" && form.get("refresh_token") === identityToken
        : headers.get("authorization") === (access?.account ? basic(access.account) : null);
    if (!isAllowed) return refusal(401, "UNAUTHORIZED");
    const token = `canary-token-${crypto.randomUUID()}`;
    this.tokens.set(token, parameters.get("scope") ?? "");
    const answer = { [method === "POST" ? "access_token" : "token"]: token, expires_in: 300 };
    return proper(200, JSON.stringify(answer), { "content-type": "application/json" });
  }
}

function basic({ username, password }: Account): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
