// The real docker-registry program on loopback, as an independent judge of what our registry clients do.

import { rmSync, writeFileSync } from "node:fs";
import type { CertificateAuthority, Identity } from "./certificate-authority.ts";
import type { BuiltImage } from "./image-builder.ts";
import type { Account } from "./loopback-registry.ts";
import { tempDir, type TempDir } from "./temp-dir.ts";
import type { TokenServer } from "./token-server.ts";

export interface DockerRegistryOptions {
  /** It wants htpasswd (Basic) access. */
  readonly account?: Account;
  /** It speaks TLS, with a certificate of this authority's. */
  readonly authority?: CertificateAuthority;
  /** It wants tokens of this server's, signed by this identity. */
  readonly tokens?: { readonly server: TokenServer; readonly identity: Identity };
}

export interface DockerRegistry extends AsyncDisposable {
  /** `127.0.0.1:port`, as it stands in an image reference. */
  readonly host: string;
  /** Uploads an image under `repository:tag`. */
  push(name: string, image: BuiltImage): Promise<void>;
}

/** Starts docker-registry on a free port. */
export async function startDockerRegistry(
  options: DockerRegistryOptions = {},
): Promise<DockerRegistry> {
  const directory = tempDir("fastmcp-runner-registry-");
  const config = directory.file("config.yml");
  writeFileSync(config, configText(directory, options));
  const child = Bun.spawn(["docker-registry", "serve", config], {
    env: { PATH: process.env["PATH"] ?? "", OTEL_TRACES_EXPORTER: "none" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const stop = async () => {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(directory.path, { recursive: true, force: true });
  };
  try {
    const host = `127.0.0.1:${await listeningPort(child.stderr)}`;
    return {
      host,
      push: (name, image) => push(host, options, name, image),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function configText(directory: TempDir, options: DockerRegistryOptions): string {
  const auth = authText(directory, options);
  const lines = [
    "version: 0.1",
    "log: { level: info, accesslog: { disabled: true } }",
    `storage: { filesystem: { rootdirectory: ${JSON.stringify(directory.file("data"))} } }`,
    `http: { addr: 127.0.0.1:0, secret: of-a-test${tlsText(directory, options)} }`,
    ...(auth === undefined ? [] : [`auth: ${auth}`]),
  ];
  return `${lines.join("\n")}\n`;
}

function authText(
  directory: TempDir,
  { account, tokens }: DockerRegistryOptions,
): string | undefined {
  if (account !== undefined) {
    const hash = Bun.password.hashSync(account.password, { algorithm: "bcrypt", cost: 4 });
    const line = `${account.username}:${hash.replace(/^\$2b\$/, "$2y$")}\n`;
    return `{ htpasswd: { realm: test, path: ${write(directory, "htpasswd", line)} } }`;
  }
  if (tokens === undefined) return undefined;
  const { realm, service, issuer } = tokens.server;
  const trusted = write(directory, "trusted.pem", tokens.identity.cert);
  return `{ token: ${JSON.stringify({ realm, service, issuer }).slice(0, -1)}, "rootcertbundle": ${trusted} } }`;
}

function tlsText(directory: TempDir, { authority }: DockerRegistryOptions): string {
  if (authority === undefined) return "";
  const { cert, key } = authority.issue();
  const paths = [write(directory, "server.pem", cert), write(directory, "server.key", key)];
  return `, tls: { certificate: ${paths[0]}, key: ${paths[1]} }`;
}

/** The path of the new file, as YAML has it. */
function write(directory: TempDir, name: string, text: string): string {
  writeFileSync(directory.file(name), text);
  return JSON.stringify(directory.file(name));
}

// With port 0 only the program's own log says where it listens. The rest of the log is read and dropped, so that the
// program never waits for a reader.
async function listeningPort(log: ReadableStream<Uint8Array>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  void (async () => {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of log) {
      text = (text + decoder.decode(chunk, { stream: true })).slice(-16_384);
      const port = /listening on 127\.0\.0\.1:(\d+)/.exec(text)?.[1];
      if (port !== undefined) resolve(port);
    }
    reject(new Error(`docker-registry ended before it listened: ${text}`));
  })();
  return promise;
}

async function push(
  host: string,
  options: DockerRegistryOptions,
  name: string,
  image: BuiltImage,
): Promise<void> {
  const [repository = "", tag = "latest"] = name.split(":");
  const base = `${options.authority === undefined ? "http" : "https"}://${host}/v2/${repository}`;
  const headers = authorization(options, repository);
  const tls = options.authority === undefined ? {} : { tls: { ca: options.authority.cert } };
  for (const [digest, blob] of image.blobs) {
    const session = await expectStatus(
      202,
      fetch(`${base}/blobs/uploads/`, { method: "POST", headers, ...tls }),
    );
    const location = new URL(session.headers.get("location") ?? "", base);
    location.searchParams.set("digest", digest);
    const body = Buffer.from(blob);
    await expectStatus(201, fetch(location, { method: "PUT", headers, body, ...tls }));
  }
  // Children first: the registry refuses an index whose manifests it does not have.
  const documents = [...image.documents.values()].filter(
    ({ digest }) => digest !== image.root.digest,
  );
  for (const document of [...documents, image.root]) {
    const target = document === image.root ? tag : document.digest;
    await expectStatus(
      201,
      fetch(`${base}/manifests/${target}`, {
        method: "PUT",
        headers: { ...headers, "content-type": document.mediaType },
        body: Buffer.from(document.bytes),
        ...tls,
      }),
    );
  }
}

async function expectStatus(status: number, request: Promise<Response>): Promise<Response> {
  const response = await request;
  if (response.status === status) return response;
  throw new Error(`docker-registry answered ${response.status}: ${await response.text()}`);
}

function authorization(
  { account, tokens }: DockerRegistryOptions,
  repository: string,
): Record<string, string> {
  if (tokens !== undefined)
    return { authorization: tokens.server.authorization(repository, ["pull", "push"]) };
  if (account === undefined) return {};
  const basic = Buffer.from(`${account.username}:${account.password}`).toString("base64");
  return { authorization: `Basic ${basic}` };
}
