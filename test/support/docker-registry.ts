// The real docker-registry program on loopback, as an independent judge of what our registry clients do.

import { rmSync, writeFileSync } from "node:fs";
import type { BuiltImage } from "./image-builder.ts";
import type { Account } from "./loopback-registry.ts";
import { tempDir } from "./temp-dir.ts";

export interface DockerRegistry extends AsyncDisposable {
  /** `127.0.0.1:port`, as it stands in an image reference. */
  readonly host: string;
  /** Uploads an image under `repository:tag`. */
  push(name: string, image: BuiltImage): Promise<void>;
}

/** Starts docker-registry on a free port; with an account it wants htpasswd (Basic) access. */
export async function startDockerRegistry(
  options: { readonly account?: Account } = {},
): Promise<DockerRegistry> {
  const directory = tempDir("fastmcp-runner-registry-");
  const config = directory.file("config.yml");
  if (options.account !== undefined) {
    const { username, password } = options.account;
    const hash = Bun.password.hashSync(password, { algorithm: "bcrypt", cost: 4 });
    writeFileSync(directory.file("htpasswd"), `${username}:${hash.replace(/^\$2b\$/, "$2y$")}\n`);
  }
  writeFileSync(config, configText(directory.path, options.account !== undefined));
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
    const headers = options.account === undefined ? {} : authorization(options.account);
    return {
      host,
      push: (name, image) => push(host, headers, name, image),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function configText(directory: string, locked: boolean): string {
  const lines = [
    "version: 0.1",
    "log: { level: info, accesslog: { disabled: true } }",
    `storage: { filesystem: { rootdirectory: ${JSON.stringify(`${directory}/data`)} } }`,
    "http: { addr: 127.0.0.1:0, secret: of-a-test }",
  ];
  if (locked) {
    lines.push(
      `auth: { htpasswd: { realm: test, path: ${JSON.stringify(`${directory}/htpasswd`)} } }`,
    );
  }
  return `${lines.join("\n")}\n`;
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
  headers: Record<string, string>,
  name: string,
  image: BuiltImage,
): Promise<void> {
  const [repository = "", tag = "latest"] = name.split(":");
  const base = `http://${host}/v2/${repository}`;
  for (const [digest, blob] of image.blobs) {
    const session = await expectStatus(
      202,
      fetch(`${base}/blobs/uploads/`, { method: "POST", headers }),
    );
    const location = new URL(session.headers.get("location") ?? "", base);
    location.searchParams.set("digest", digest);
    await expectStatus(201, fetch(location, { method: "PUT", headers, body: Buffer.from(blob) }));
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
      }),
    );
  }
}

async function expectStatus(status: number, request: Promise<Response>): Promise<Response> {
  const response = await request;
  if (response.status === status) return response;
  throw new Error(`docker-registry answered ${response.status}: ${await response.text()}`);
}

function authorization({ username, password }: Account): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
}
