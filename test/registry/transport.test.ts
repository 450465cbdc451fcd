// Real servers, certificates and proxies. A registry that is not on this machine is one that only a proxy knows the way
// to: `registry.test` resolves nowhere, and the proxies of these tests connect every name to loopback.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { RunnerError } from "../../src/errors.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { readBody, request } from "../../src/registry/request.ts";
import { Session } from "../../src/registry/session.ts";
import { createTransport, type TransportOptions } from "../../src/registry/transport.ts";
import {
  type CertificateAuthority,
  createAuthority,
  type Identity,
  writeIdentity,
} from "../support/certificate-authority.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { startProxy } from "../support/proxy-server.ts";
import { needs } from "../support/requirements.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";

const test = needs("openssl");

let authority: CertificateAuthority;
let other: CertificateAuthority;
beforeAll(() => {
  authority = createAuthority();
  other = createAuthority("another authority");
});
afterAll(() => {
  authority[Symbol.dispose]();
  other[Symbol.dispose]();
});

interface Server extends AsyncDisposable {
  readonly port: number;
}

function serve(options: { tls?: Identity; hostname?: string } = {}): Server {
  const { tls, hostname = "127.0.0.1" } = options;
  const server = Bun.serve({
    hostname,
    port: 0,
    ...(tls && { tls }),
    fetch: ({ url }) => new Response(`answer of ${new URL(url).protocol}`),
  });
  return { port: server.port ?? 0, [Symbol.asyncDispose]: () => server.stop(true) };
}

/** What a registry answers when it is asked as these options say; `registry` is the one that is asked. */
async function ask(registry: string, options: Partial<TransportOptions> = {}): Promise<string> {
  const transport = createTransport({ registry, env: {}, ...options });
  const answer = await request(transport.endpoint, { accept: "*/*", stallMs: 5000, transport });
  return new TextDecoder().decode(await readBody(answer.body, 1000));
}

/** A HOME with certs.d for a host. */
function homeFor(home: TempDir, host: string): { env: { HOME: string }; directory: string } {
  const directory = home.file(".config/containers/certs.d", host);
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${directory}/ca.crt`, authority.cert);
  return { env: { HOME: home.path }, directory };
}

async function hintOf(refused: Promise<unknown>): Promise<string> {
  return await refused.then(
    () => "it was not refused",
    (error: RunnerError) => error.hint,
  );
}

describe("a private authority", () => {
  test("is trusted by REGISTRY_CA_FILE, beside those of the environment and the built-in ones", async () => {
    await using server = serve({ tls: authority.issue() });
    await using second = serve({ tls: other.issue() });
    await using proxy = await startProxy();
    const env = { HTTPS_PROXY: proxy.host, NODE_EXTRA_CA_CERTS: other.path };
    const asked = { env, caFile: authority.path };
    expect(await ask(`registry.test:${server.port}`, asked)).toBe("answer of https:");
    expect(await ask(`registry.test:${second.port}`, asked)).toBe("answer of https:");
    const transport = createTransport({ registry: "ghcr.io", ...asked });
    const { rootCertificates } = await import("node:tls");
    const trusted = transport.route(new URL("https://ghcr.io")).options.tls.ca;
    expect(trusted).toEqual([...rootCertificates, other.cert.trim(), authority.cert.trim()]);
  });

  for (const name of ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"]) {
    test(`is trusted by ${name}`, async () => {
      await using server = serve({ tls: authority.issue() });
      await using proxy = await startProxy();
      const env = { HTTPS_PROXY: proxy.host, [name]: authority.path };
      expect(await ask(`registry.test:${server.port}`, { env })).toBe("answer of https:");
    });
  }

  test("is not trusted by itself, and the hint names the setting", async () => {
    await using server = serve({ tls: authority.issue() });
    await using proxy = await startProxy();
    const registry = `registry.test:${server.port}`;
    const refused = ask(registry, { env: { HTTPS_PROXY: proxy.host }, caFile: other.path });
    const message = `${registry} has a certificate of an authority that is not trusted here, asked through the proxy ${proxy.host}`;
    await expectRefused(refused, "REGISTRY_UNREACHABLE", message);
    expect(await hintOf(refused)).toContain("REGISTRY_CA_FILE");
  });

  test("is trusted for the registry whose certs.d directory has it, which is asked by TLS even on this machine", async () => {
    using home = tempDir();
    await using server = serve({ tls: authority.issue() });
    const registry = `127.0.0.1:${server.port}`;
    const { env } = homeFor(home, registry);
    expect(await ask(registry, { env })).toBe("answer of https:");
    // The same server by another name has no directory.
    const url = new URL(`https://localhost:${server.port}`);
    const transport = createTransport({ registry: `localhost:${server.port}`, env });
    const options = { accept: "*/*", stallMs: 5000, transport };
    await expectRefused(request(url, options), "REGISTRY_UNREACHABLE", "not trusted here");
  });

  test("is trusted by the name of an IPv6 address", async () => {
    using home = tempDir();
    await using server = serve({ tls: authority.issue(), hostname: "::1" });
    const registry = `[::1]:${server.port}`;
    expect(await ask(registry, homeFor(home, registry))).toBe("answer of https:");
  });
});

describe("a certificate of ours", () => {
  test("is shown to the registry that it is for, and not to another host that it sends us to", async () => {
    using home = tempDir();
    const shown: string[] = [];
    await using blobs = await serveClients(shown);
    await using server = await serveClients(shown, `https://localhost:${blobs.port}/blob`);
    const registry = `localhost:${server.port}`;
    const { env, directory } = homeFor(home, registry);
    writeIdentity(directory, authority.issue({ names: "DNS:client" }));
    expect(await ask(registry, { env })).toBe("answer");
    expect(shown).toEqual([`${server.port} is shown one`, `${blobs.port} is shown none`]);
  });

  test("is not shown where an image says that a part of it is", async () => {
    const shown: string[] = [];
    await using server = await serveClients(shown);
    using home = tempDir();
    const registry = `127.0.0.1:${server.port}`;
    const { env, directory } = homeFor(home, registry);
    writeFileSync(`${directory}/ca.crt`, authority.cert);
    writeIdentity(directory, authority.issue({ names: "DNS:client" }));
    const transport = createTransport({ registry, env });
    const session = new Session(parseReference(`${registry}/org/app`), {
      stallMs: 5000,
      transport,
    });
    const url = new URL("/blob", transport.endpoint);
    const read = () => session.read("/v2/", { accept: "*/*", maxBytes: 1000 });
    await read();
    await readBody((await session.getElsewhere(url, { accept: "*/*" })).body, 1000);
    await read();
    expect(shown.map((line) => line.split(" ").at(-1))).toEqual(["one", "none", "one"]);
  });

  /** A server that asks for a certificate, and writes down whether it got one. */
  async function serveClients(shown: string[], location?: string): Promise<Server> {
    const tls = { ...authority.issue(), ca: authority.cert, requestCert: true };
    const server = createServer({ ...tls, rejectUnauthorized: false }, ({ socket }, response) => {
      const isShown = "authorized" in socket && socket.authorized === true;
      shown.push(`${socket.localPort} is shown ${isShown ? "one" : "none"}`);
      if (location === undefined) response.writeHead(200);
      else response.writeHead(307, { location });
      response.end("answer");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const stop = async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    };
    return { port, [Symbol.asyncDispose]: stop };
  }
});

describe("a server's certificate", () => {
  const rows: readonly [string, string, () => Identity][] = [
    ["has expired", "has a certificate that has expired", () => authority.issue({ days: -1 })],
    [
      "is for another host",
      "has a certificate for another host",
      () => authority.issue({ names: "DNS:other.test" }),
    ],
    [
      "is of an unknown authority",
      "has a certificate of an authority that is not trusted here",
      () => other.issue(),
    ],
  ];
  for (const [what, message, issue] of rows) {
    test(`${what}: that is said`, async () => {
      using home = tempDir();
      await using server = serve({ tls: issue() });
      const registry = `127.0.0.1:${server.port}`;
      const refused = ask(registry, homeFor(home, registry));
      await expectRefused(refused, "REGISTRY_UNREACHABLE", `${registry} ${message}`);
    });
  }
});

describe("plain http", () => {
  test("is spoken to a registry that the setting names, and to no other", async () => {
    await using server = serve();
    await using proxy = await startProxy();
    const registry = `registry.test:${server.port}`;
    const env = { HTTP_PROXY: proxy.host, HTTPS_PROXY: proxy.host };
    const refused = ask(registry, { env, plainHttp: new Set(["registry.test"]) });
    await expectRefused(refused, "REGISTRY_UNREACHABLE", `${registry} does not speak TLS`);
    expect(await hintOf(refused)).toContain("REGISTRY_PLAIN_HTTP");
    expect(await ask(registry, { env, plainHttp: new Set([registry]) })).toBe("answer of http:");
    expect(proxy.requests).toEqual([
      `CONNECT ${registry} HTTP/1.1`,
      `GET http://${registry}/ HTTP/1.1`,
    ]);
  });

  test("is spoken on loopback by an IPv6 address", async () => {
    await using server = serve({ hostname: "::1" });
    expect(await ask(`[::1]:${server.port}`)).toBe("answer of http:");
  });
});

describe("a proxy", () => {
  const ACCOUNT = "us@er:canary:p@ss";
  const URL_ACCOUNT = "us%40er:canary%3Ap%40ss";

  test("gets its username and password, for tunnels and for plain requests", async () => {
    await using secure = serve({ tls: authority.issue() });
    await using plain = serve();
    await using proxy = await startProxy({ account: ACCOUNT });
    const env = { ALL_PROXY: `http://${URL_ACCOUNT}@${proxy.host}` };
    const caFile = authority.path;
    expect(await ask(`registry.test:${secure.port}`, { env, caFile })).toBe("answer of https:");
    const plainHttp = new Set([`registry.test:${plain.port}`]);
    expect(await ask(`registry.test:${plain.port}`, { env, plainHttp })).toBe("answer of http:");
    expect(proxy.requests).toHaveLength(2);
  });

  test("that knows another password is named, and the password is not", async () => {
    await using proxy = await startProxy({ account: "us@er:other" });
    const env = { ALL_PROXY: `http://${URL_ACCOUNT}@${proxy.host}` };
    const message = `the proxy ${proxy.host} wants a username and a password, or others than it was given`;
    for (const plainHttp of [new Set<string>(), new Set(["registry.test"])]) {
      const refused = ask("registry.test", { env, plainHttp });
      await expectRefused(refused, "REGISTRY_UNREACHABLE", message);
      expect(await hintOf(refused)).toContain("HTTPS_PROXY=http://user:password@");
    }
  });

  test("that refuses to connect is named beside the registry", async () => {
    await using proxy = await startProxy({ refusal: "403 Forbidden" });
    const refused = ask("registry.test", { env: { HTTPS_PROXY: proxy.host } });
    const message = `the proxy ${proxy.host} does not connect us with registry.test (it answers 403)`;
    await expectRefused(refused, "REGISTRY_UNREACHABLE", message);
  });

  test("that is not there is named instead of the registry", async () => {
    const gone = await startProxy();
    await gone[Symbol.asyncDispose]();
    const env = { HTTPS_PROXY: `http://${URL_ACCOUNT}@${gone.host}` };
    const message = `the proxy ${gone.host} refuses the connection`;
    await expectRefused(ask("registry.test", { env }), "REGISTRY_UNREACHABLE", message);
  });

  test("is not asked for hosts that NO_PROXY names, nor for this machine", async () => {
    await using server = serve();
    await using proxy = await startProxy();
    const env = { ALL_PROXY: proxy.host, NO_PROXY: ".test" };
    await expectRefused(
      ask("registry.test", { env }),
      "REGISTRY_UNREACHABLE",
      "registry.test is a host name that cannot be found",
    );
    expect(await ask(`127.0.0.1:${server.port}`, { env })).toBe("answer of http:");
    expect(proxy.requests).toEqual([]);
  });

  test("may be behind TLS of the same private authority", async () => {
    await using server = serve({ tls: authority.issue() });
    await using proxy = await startProxy({ tls: authority.issue() });
    const env = { HTTPS_PROXY: `https://${proxy.host}` };
    const asked = { env, caFile: authority.path };
    expect(await ask(`registry.test:${server.port}`, asked)).toBe("answer of https:");
    expect(proxy.requests).toEqual([`CONNECT registry.test:${server.port} HTTP/1.1`]);
    await using plain = serve();
    const registry = `registry.test:${plain.port}`;
    const plainEnv = { HTTP_PROXY: `https://${proxy.host}` };
    const plainHttp = new Set([registry]);
    expect(await ask(registry, { ...asked, env: plainEnv, plainHttp })).toBe("answer of http:");
  });
});

test("what is of no use is refused before anything is sent", async () => {
  await using server = serve();
  const registry = `127.0.0.1:${server.port}`;
  await expectRefused(
    ask(registry, { caFile: "/nonexistent/ca.pem" }),
    "INPUT_INVALID",
    "REGISTRY_CA_FILE: /nonexistent/ca.pem cannot be read",
  );
  await expectRefused(
    ask("registry.test", { env: { SSL_CERT_FILE: "/nonexistent/ca.pem" } }),
    "INPUT_INVALID",
    "SSL_CERT_FILE: /nonexistent/ca.pem cannot be read",
  );
});
