// What crane is told of networks, when it must not be used on them, and what its words about them mean.

import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { parseReference } from "../../src/oci/reference.ts";
import { craneEnvironment } from "../../src/registry/crane-environment.ts";
import { craneError, craneObstacle } from "../../src/registry/crane-problem.ts";
import { createTransport } from "../../src/registry/transport.ts";
import { createAuthority, writeIdentity } from "../support/certificate-authority.ts";
import { needs } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";

describe("crane's environment", () => {
  test("has the proxies under the names that Go knows, and nothing that crane need not know", () => {
    const env = { PATH: "/bin", all_proxy: "http://all:1", no_proxy: "x", REGISTRY_PASSWORD: "y" };
    const transport = createTransport({ registry: "ghcr.io", env });
    expect(craneEnvironment(env, "/private", transport)).toEqual({
      PATH: "/bin",
      HTTP_PROXY: "http://all:1",
      HTTPS_PROXY: "http://all:1",
      NO_PROXY: "x",
      HOME: "/private",
      DOCKER_CONFIG: "/private",
    });
  });

  needs("openssl")("has all authorities in one private file, the built-in ones too", () => {
    using directory = tempDir();
    using first = createAuthority();
    using second = createAuthority();
    const env = { SSL_CERT_FILE: first.path, SSL_CERT_DIR: directory.file("empty") };
    mkdirSync(env.SSL_CERT_DIR);
    const transport = createTransport({ registry: "ghcr.io", env, caFile: second.path });
    const given = craneEnvironment(env, directory.path, transport);
    expect(given["SSL_CERT_DIR"]).toBe(env.SSL_CERT_DIR);
    const file = given["SSL_CERT_FILE"] ?? "";
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).toBe(
      [...rootCertificates, first.cert.trim(), second.cert.trim()].join("\n"),
    );
  });
});

describe("crane is not used", () => {
  const obstacle = (registry: string, hasMirrors = false, plainHttp = new Set<string>()) =>
    craneObstacle({
      registry,
      transport: createTransport({ registry, env: {}, plainHttp }),
      hasMirrors,
    })?.message;

  test("where it would speak plain http, unless that is wanted", () => {
    expect(obstacle("ghcr.io")).toBeUndefined();
    expect(obstacle("10.0.0.1:5000")).toContain("without encryption");
    expect(obstacle("10.0.0.1:5000", false, new Set(["10.0.0.1:5000"]))).toBeUndefined();
  });

  test("where there are mirrors", () => {
    expect(obstacle("ghcr.io", true)).toContain("REGISTRY_MIRRORS names some of ghcr.io");
  });

  needs("openssl")("where a certificate has to be shown", () => {
    using home = tempDir();
    using authority = createAuthority();
    const directory = home.file(".config/containers/certs.d/ghcr.io");
    mkdirSync(directory, { recursive: true });
    writeFileSync(`${directory}/ca.crt`, authority.cert);
    const conditions = () => ({
      registry: "ghcr.io",
      transport: createTransport({ registry: "ghcr.io", env: { HOME: home.path } }),
    });
    expect(craneObstacle(conditions())).toBeUndefined();
    writeIdentity(directory, authority.issue());
    expect(craneObstacle(conditions())?.message).toContain("client certificate that certs.d has");
  });
});

// As crane 0.22.1 says it, up to the names.
describe("crane's words", () => {
  const get = `Error: fetching manifest ghcr.io/a/b:1: Get "https://ghcr.io/v2/":`;
  const GO = "on 10.0.0.53:53: no such host";

  test.each([
    [
      `${get} proxyconnect tcp: dial tcp 127.0.0.1:1: connect: connection refused`,
      "the proxy proxy:3128 refuses the connection",
    ],
    [
      `${get} proxyconnect tcp: dial tcp: lookup proxy ${GO}`,
      "the proxy proxy:3128 is a host name that cannot be found",
    ],
    [
      `${get} Proxy Authentication Required`,
      "the proxy proxy:3128 wants a username and a password",
    ],
    [`${get} Forbidden`, "the proxy proxy:3128 does not connect us with ghcr.io (it answers 403)"],
    [
      `${get} dial tcp: lookup ghcr.io ${GO}; GET http://ghcr.io/v2/: unexpected status code 407 Proxy Authentication Required: nope`,
      "the proxy proxy:3128 wants a username and a password",
    ],
    [`${get} dial tcp: lookup ghcr.io ${GO}`, "ghcr.io is a host name that cannot be found"],
    [
      `${get} tls: failed to verify certificate: x509: certificate signed by unknown authority`,
      "ghcr.io has a certificate of an authority that is not trusted here, asked through the proxy proxy:3128",
    ],
    [`${get} remote error: tls: protocol version not supported`, "ghcr.io does not speak TLS, or"],
    [`${get} remote error: tls: certificate required`, "ghcr.io does not speak TLS, or"],
    [
      `${get} http: server gave HTTP response to HTTPS client`,
      "ghcr.io does not speak TLS, or only an old version of it",
    ],
  ])("%s", (unsafeStderr, message) => {
    const end = { exitCode: 1, signal: undefined, stalled: false, unsafeStderr } as never;
    const asked = { reference: parseReference("ghcr.io/a/b:1"), signedIn: false };
    const call = { asked, stallMs: 1000, proxy: "proxy:3128" };
    const error = craneError(end, call);
    expect(error.code).toBe("REGISTRY_UNREACHABLE");
    expect(error.message).toStartWith(message);
  });
});
