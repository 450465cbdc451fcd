// The compiled binary on networks that are not plain: behind a proxy, and before a private authority. The registry is on
// loopback, but known as `registry.test`, a name that only the proxy can do something with.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { type CertificateAuthority, createAuthority } from "../support/certificate-authority.ts";
import { buildImage } from "../support/image-builder.ts";
import { type LoopbackRegistry, startLoopbackRegistry } from "../support/loopback-registry.ts";
import { type ProxyServer, startProxy } from "../support/proxy-server.ts";
import { needs } from "../support/requirements.ts";
import { type RunnerEnd, runRunner } from "../support/runner.ts";
import { tempDir } from "../support/temp-dir.ts";

const ACCOUNT = "somebody:canary-of-the-proxy";
const IMAGE = buildImage({ layers: [[{ path: "file", content: "text" }]] });

let authority: CertificateAuthority;
let secure: LoopbackRegistry;
let plain: LoopbackRegistry;
let proxy: ProxyServer;

beforeAll(async () => {
  authority = createAuthority();
  const images = { "team/app:1": IMAGE };
  secure = startLoopbackRegistry({
    images,
    access: { scheme: "bearer" },
    tls: authority.issue(),
  });
  plain = startLoopbackRegistry({ images });
  proxy = await startProxy({ account: ACCOUNT });
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  plain[Symbol.dispose]();
  secure[Symbol.dispose]();
  authority[Symbol.dispose]();
});

/** Pulls an image through the proxy. */
async function pull(
  image: string,
  environment: Readonly<Record<string, string>>,
): Promise<RunnerEnd> {
  using directory = tempDir();
  const end = await runRunner({
    arguments: ["pull", image, "--to", directory.file("tree"), "--log-level", "debug"],
    environment: {
      HTTPS_PROXY: `http://${ACCOUNT}@${proxy.host}`,
      HTTP_PROXY: `http://${ACCOUNT}@${proxy.host}`,
      ...environment,
    },
  });
  expect(end.stdout + end.stderr).not.toContain("canary");
  return end;
}

function imageIn(registry: LoopbackRegistry): string {
  return `${nameOf(registry)}/team/app:1`;
}

function nameOf(registry: LoopbackRegistry): string {
  return registry.host.replace("127.0.0.1", "registry.test");
}

for (const client of ["builtin", "crane"]) {
  const test = needs("openssl", ...(client === "crane" ? ["crane"] : []));

  describe(`through ${client}`, () => {
    for (const name of ["REGISTRY_CA_FILE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"]) {
      test(`a private authority is trusted by ${name}, behind a proxy with a password`, async () => {
        const asked = proxy.requests.length;
        const end = await pull(imageIn(secure), {
          REGISTRY_CLIENT: client,
          [name]: authority.path,
        });
        expect(end.stderr).not.toContain("error");
        expect(end.status).toBe(0);
        expect(proxy.requests.slice(asked)).toContain(`CONNECT ${nameOf(secure)} HTTP/1.1`);
      });
    }

    test("a private authority is not trusted otherwise", async () => {
      const { status, stderr } = await pull(imageIn(secure), { REGISTRY_CLIENT: client });
      expect(stderr).toContain("[REGISTRY_UNREACHABLE]");
      expect(stderr).toContain("has a certificate of an authority that is not trusted here");
      expect(stderr).toContain("hint: Set REGISTRY_CA_FILE");
      expect(status).toBe(125);
    });

    test("a registry that the setting names is asked without encryption", async () => {
      const environment = { REGISTRY_CLIENT: client, REGISTRY_PLAIN_HTTP: nameOf(plain) };
      const { status, stderr } = await pull(imageIn(plain), environment);
      expect(stderr).not.toContain("error");
      expect(status).toBe(0);
    });

    test("any other is not", async () => {
      const asked = plain.requests.length;
      const { status, stderr } = await pull(imageIn(plain), { REGISTRY_CLIENT: client });
      expect(stderr).toContain(`${nameOf(plain)} does not speak TLS`);
      expect(stderr).toContain("REGISTRY_PLAIN_HTTP");
      expect(status).toBe(125);
      expect(plain.requests).toHaveLength(asked);
    });

    test("NO_PROXY is obeyed, and a proxy that wants a password is named", async () => {
      const without = await pull(imageIn(secure), { REGISTRY_CLIENT: client, no_proxy: "*.test" });
      expect(without.stderr).toContain("is a host name that cannot be found");
      const refused = await pull(imageIn(secure), {
        REGISTRY_CLIENT: client,
        HTTPS_PROXY: `http://${proxy.host}`,
      });
      expect(refused.stderr).toContain(`the proxy ${proxy.host} wants a username and a password`);
    });
  });
}

describe("with a mirror", () => {
  const test = needs("openssl");

  test("an image is pulled from there, in the name of its registry", async () => {
    const asked = plain.requests.length;
    // The image's registry is nowhere.
    const { status, stderr } = await pull("registry.nowhere.test/team/app:1", {
      REGISTRY_MIRRORS: `registry.nowhere.test=${plain.host}`,
    });
    expect(stderr).not.toContain("warn");
    expect(status).toBe(0);
    const queries = plain.requests.slice(asked).map(({ query }) => query);
    expect(new Set(queries)).toEqual(new Set(["ns=registry.nowhere.test"]));
  });

  test("that does not help, the image comes from its registry, and that is said", async () => {
    const gone = startLoopbackRegistry();
    gone[Symbol.dispose]();
    const { status, stderr } = await pull(`${plain.host}/team/app:1`, {
      REGISTRY_MIRRORS: `${plain.host}=${gone.host}`,
    });
    expect(stderr).toContain(
      `the mirror ${gone.host} is of no use: ${gone.host} refuses the connection`,
    );
    expect(status).toBe(0);
  });

  test("crane is refused, because it knows none", async () => {
    const { status, stderr } = await pull(`${plain.host}/team/app:1`, {
      REGISTRY_MIRRORS: `${plain.host}=mirror.test`,
      REGISTRY_CLIENT: "crane",
    });
    expect(stderr).toContain("crane knows no mirrors");
    expect(status).toBe(125);
  });

  test("credentials for the registry stay with the registry, and a mirror gets its own", async () => {
    using home = tempDir();
    const account = { username: "mirror-user", password: "canary-of-the-mirror" };
    using mirror = startLoopbackRegistry({
      images: { "copies/team/app:1": IMAGE },
      access: { scheme: "basic", account },
    });
    const auth = Buffer.from(`${account.username}:${account.password}`).toString("base64");
    mkdirSync(home.file(".docker"));
    writeFileSync(
      home.file(".docker/config.json"),
      JSON.stringify({ auths: { [mirror.host]: { auth } } }),
    );
    const { status, stderr } = await pull("registry.nowhere.test/team/app:1", {
      HOME: home.path,
      REGISTRY_MIRRORS: `registry.nowhere.test=${mirror.host}/copies`,
      REGISTRY_USER: "reader",
      REGISTRY_PASSWORD: "canary-of-the-registry",
    });
    expect(stderr).not.toContain("error");
    expect(status).toBe(0);
    const shown = mirror.requests.map(({ headers }) => headers.get("authorization"));
    expect(new Set(shown)).toEqual(new Set([null, `Basic ${auth}`]));
  });
});

needs("openssl")(
  "a file of authorities that cannot be read is named, and nothing is sent",
  async () => {
    const asked = proxy.requests.length;
    const { status, stderr } = await pull(imageIn(secure), {
      REGISTRY_CA_FILE: "/nonexistent.pem",
    });
    expect(stderr).toContain("REGISTRY_CA_FILE: /nonexistent.pem cannot be read");
    expect(status).toBe(2);
    expect(proxy.requests).toHaveLength(asked);
  },
);
