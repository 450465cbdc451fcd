// A strict container registry inside this process, on loopback: serves images built in memory, knows Basic and Bearer
// access, can send its blobs from another host, and remembers every request. Pull only.

import type { Identity } from "./certificate-authority.ts";
import type { BuiltImage, Document } from "./image-builder.ts";

export interface Account {
  readonly username: string;
  readonly password: string;
}

export interface LoopbackRegistryOptions {
  /** Images by `repository:tag`; each is also there by digest. */
  readonly images?: Readonly<Record<string, BuiltImage>>;
  /** Who may pull, and how they prove it. Bearer tokens without an account are handed to anyone. */
  readonly access?: { readonly scheme: "basic" | "bearer"; readonly account?: Account };
  /** Answer blob requests with a redirect to a second host, whose URLs are signed and which refuses Authorization. */
  readonly redirectBlobs?: boolean;
  /** Both hosts are reached by TLS. */
  readonly tls?: Identity;
  /** Answers instead of the registry: for tests of what goes wrong. */
  readonly intercept?: (
    request: RecordedRequest,
  ) => Response | undefined | Promise<Response | undefined>;
}

export interface RecordedRequest {
  /** The host and port that was asked. */
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Headers;
  readonly body: string;
}

export interface LoopbackRegistry extends Disposable {
  /** `127.0.0.1:port`, as it stands in an image reference. */
  readonly host: string;
  /** The second host, where blobs come from when they are redirected. */
  readonly blobHost: string;
  readonly requests: readonly RecordedRequest[];
  /** Adds an image under `repository:tag`. */
  add(name: string, image: BuiltImage): void;
}

const REPOSITORY = "[a-z0-9]+(?:[._/-]+[a-z0-9]+)*";
const MANIFEST_PATH = new RegExp(`^/v2/(${REPOSITORY})/manifests/([^/]+)$`);
const BLOB_PATH = new RegExp(`^/v2/(${REPOSITORY})/blobs/([^/]+)$`);
const SIGNATURE = "signature=canary-of-the-blob-host";
/** What it calls itself to a token service. */
export const SERVICE = "loopback registry, for tests";

/** Starts the registry on a free port. */
export function startLoopbackRegistry(options: LoopbackRegistryOptions = {}): LoopbackRegistry {
  const requests: RecordedRequest[] = [];
  const repositories = new Map<string, Repository>();
  const tokens = new Map<string, string>();
  const blobHost = serve(requests, options, (request) => answerBlobHost(request, repositories));
  const registry = serve(requests, options, (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") return refuse(405, "UNSUPPORTED");
    if (request.path === "/token") return answerToken(request, options, tokens);
    const denied = checkAccess(request, options, tokens);
    const blobs = options.redirectBlobs ? `${schemeOf(options)}://${hostOf(blobHost)}` : null;
    return denied ?? answerRegistry(request, repositories, blobs);
  });
  const add = (name: string, image: BuiltImage) => addImage(repositories, name, image);
  for (const [name, image] of Object.entries(options.images ?? {})) add(name, image);
  return {
    host: hostOf(registry),
    blobHost: hostOf(blobHost),
    requests,
    add,
    [Symbol.dispose]() {
      void registry.stop(true);
      void blobHost.stop(true);
    },
  };
}

interface Repository {
  readonly documents: Map<string, Document>;
  readonly blobs: Map<string, Uint8Array>;
}

function addImage(repositories: Map<string, Repository>, name: string, image: BuiltImage): void {
  const [repositoryName = "", tag = "latest"] = name.split(":");
  const repository = repositories.get(repositoryName) ?? { documents: new Map(), blobs: new Map() };
  repositories.set(repositoryName, repository);
  repository.documents.set(tag, image.root);
  for (const [digest, document] of image.documents) repository.documents.set(digest, document);
  for (const [digest, blob] of image.blobs) repository.blobs.set(digest, blob);
}

function serve(
  requests: RecordedRequest[],
  options: LoopbackRegistryOptions,
  answer: (request: RecordedRequest) => Response,
): Bun.Server<undefined> {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    ...(options.tls && { tls: options.tls }),
    async fetch(received) {
      const { host, pathname: path, search } = new URL(received.url);
      const { method, headers } = received;
      const body = await received.text();
      const request = { host, method, path, query: search.slice(1), headers, body };
      requests.push(request);
      return (await options.intercept?.(request)) ?? answer(request);
    },
  });
}

function hostOf(server: Bun.Server<undefined>): string {
  return `127.0.0.1:${server.port}`;
}

function schemeOf({ tls }: LoopbackRegistryOptions): string {
  return tls === undefined ? "http" : "https";
}

function answerRegistry(
  request: RecordedRequest,
  repositories: ReadonlyMap<string, Repository>,
  blobOrigin: string | null,
): Response {
  if (request.path === "/v2/") return Response.json({});
  const manifest = MANIFEST_PATH.exec(request.path);
  if (manifest !== null) {
    const repository = repositories.get(manifest[1] ?? "");
    if (repository === undefined) return refuse(404, "NAME_UNKNOWN");
    return answerManifest(request, repository.documents.get(manifest[2] ?? ""));
  }
  const blob = BLOB_PATH.exec(request.path);
  const bytes = repositories.get(blob?.[1] ?? "")?.blobs.get(blob?.[2] ?? "");
  if (bytes === undefined) return refuse(404, blob === null ? "UNSUPPORTED" : "BLOB_UNKNOWN");
  if (blobOrigin === null) return bytesResponse(bytes, "application/octet-stream");
  return new Response(null, {
    status: 307,
    headers: { location: `${blobOrigin}${request.path}?${SIGNATURE}` },
  });
}

// A client that does not say it can read a media type must not be sent it.
function answerManifest(request: RecordedRequest, document: Document | undefined): Response {
  if (document === undefined) return refuse(404, "MANIFEST_UNKNOWN");
  const accepted = (request.headers.get("accept") ?? "").split(",").map((type) => type.trim());
  if (!accepted.includes(document.mediaType)) return refuse(404, "MANIFEST_UNKNOWN");
  return bytesResponse(document.bytes, document.mediaType, {
    "docker-content-digest": document.digest,
  });
}

// Object stores refuse a request that proves itself twice, by signature and by header.
function answerBlobHost(
  request: RecordedRequest,
  repositories: ReadonlyMap<string, Repository>,
): Response {
  if (request.headers.has("authorization")) return refuse(400, "UNSUPPORTED");
  if (request.query !== SIGNATURE) return refuse(403, "DENIED");
  return answerRegistry(request, repositories, null);
}

function checkAccess(
  request: RecordedRequest,
  options: LoopbackRegistryOptions,
  tokens: ReadonlyMap<string, string>,
): Response | undefined {
  const { access } = options;
  if (access === undefined) return undefined;
  const authorization = request.headers.get("authorization") ?? "";
  if (access.scheme === "basic") {
    if (access.account !== undefined && authorization === basic(access.account)) return undefined;
    return refuse(401, "UNAUTHORIZED", { "www-authenticate": `Basic realm="${SERVICE}"` });
  }
  const name = (MANIFEST_PATH.exec(request.path) ?? BLOB_PATH.exec(request.path))?.[1];
  const scope = tokens.get(authorization.replace(/^Bearer /, ""));
  const wanted = name === undefined ? "" : `repository:${name}:pull`;
  if (scope !== undefined && (wanted === "" || scope === wanted)) return undefined;
  const parameters = [
    `realm="${schemeOf(options)}://${request.host}/token"`,
    `service="${SERVICE}"`,
  ];
  if (wanted !== "") parameters.push(`scope="${wanted}"`);
  return refuse(401, "UNAUTHORIZED", { "www-authenticate": `Bearer ${parameters.join(",")}` });
}

// https://github.com/distribution/distribution/blob/v2.8.3/docs/spec/auth/token.md
function answerToken(
  request: RecordedRequest,
  { access }: LoopbackRegistryOptions,
  tokens: Map<string, string>,
): Response {
  const query = new URLSearchParams(request.query);
  if (query.get("service") !== SERVICE) return refuse(400, "UNSUPPORTED");
  const authorization = request.headers.get("authorization");
  const expected = access?.account === undefined ? null : basic(access.account);
  if (authorization !== expected) return refuse(401, "UNAUTHORIZED");
  const token = crypto.randomUUID();
  tokens.set(token, query.get("scope") ?? "");
  return Response.json({ token, expires_in: 300 });
}

function basic({ username, password }: Account): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function bytesResponse(
  bytes: Uint8Array,
  type: string,
  headers: Record<string, string> = {},
): Response {
  return new Response(new Blob([Buffer.from(bytes)]), {
    headers: { "content-type": type, ...headers },
  });
}

function refuse(status: number, code: string, headers: Record<string, string> = {}): Response {
  return Response.json({ errors: [{ code, message: `refused: ${code}` }] }, { status, headers });
}
