// The part of the crane client that no registry shows: what a crane is given, and what it may do wrong. The crane here
// is a small shell program, because a real one cannot be asked to fail.

import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { digestOf } from "../../src/oci/digest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { createCrane } from "../../src/registry/crane.ts";
import type { Credentials } from "../../src/registry/credentials.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";

const ACCOUNT = { username: "somebody", password: "canary-password" };
const DIGEST = digestOf(Buffer.from("blob"));
const BLOB = { mediaType: "application/octet-stream", digest: DIGEST, size: 4 };
const STALL_MS = 20_000;
const SHORT_STALL_MS = 300;

describe("a crane", () => {
  // What a program was given is read from where anyone else could read it.
  const record = `
    { tr '\\0' ' ' < /proc/$$/cmdline; echo; } >> $DOCKER_CONFIG/argv
    tr '\\0' '\\n' < /proc/$$/environ >> $DOCKER_CONFIG/environ
    printf '{}'`;

  test.each<[string, Credentials, object]>([
    ["a password", ACCOUNT, ACCOUNT],
    ["an identity token", { identityToken: "canary-id" }, { identitytoken: "canary-id" }],
    [
      "an identity token with a name",
      { identityToken: "canary-id", username: "somebody" },
      { identitytoken: "canary-id", username: "somebody" },
    ],
    ["a registry token", { registryToken: "canary-reg" }, { registrytoken: "canary-reg" }],
  ])("finds %s in a private file, for one registry, and nowhere else", async (_, given, entry) => {
    using directory = tempDir();
    const registry = await crane(directory, record, {
      image: "org/app:1",
      credentials: given,
      env: { ...process.env, REGISTRY_PASSWORD: ACCOUNT.password },
    });
    await registry.manifest();
    await new Response(await registry.blob(BLOB)).bytes();
    const argv = readFileSync(directory.file("argv"), "utf8");
    expect(argv).toContain("manifest index.docker.io/org/app:1");
    expect(argv).toContain(`blob index.docker.io/org/app@${DIGEST}`);
    expect(argv).not.toMatch(/canary|somebody/);
    expect(readFileSync(directory.file("environ"), "utf8")).not.toContain("canary");
    const config = readFileSync(directory.file("config.json"), "utf8");
    expect(JSON.parse(config)).toEqual({ auths: { "https://index.docker.io/v1/": entry } });
    expect(statSync(directory.file("config.json")).mode & 0o777).toBe(0o600);
  });

  test("gets only the variables that it needs", async () => {
    using directory = tempDir();
    const env = {
      PATH: process.env["PATH"],
      HOME: "/root",
      DOCKER_CONFIG: "/root/.docker",
      REGISTRY_AUTH_FILE: "/root/auth.json",
      IMAGE: "x",
      MCP_ENV_TOKEN: "x",
      https_proxy: "http://proxy:1",
      NO_PROXY: "localhost",
      GODEBUG: "x",
    };
    const registry = await crane(directory, record, { env });
    await registry.manifest();
    const names = readFileSync(directory.file("environ"), "utf8").trim().split("\n").toSorted();
    expect(names).toEqual([
      `DOCKER_CONFIG=${directory.path}`,
      `HOME=${directory.path}`,
      "HTTPS_PROXY=http://proxy:1",
      "NO_PROXY=localhost",
      `PATH=${env.PATH}`,
    ]);
  });

  test("loses its credentials when the client is closed", async () => {
    using directory = tempDir();
    const registry = await crane(directory, record, { credentials: ACCOUNT });
    expect(existsSync(directory.file("config.json"))).toBe(true);
    registry.close();
    expect(existsSync(directory.file("config.json"))).toBe(false);
  });

  test("is not signed in without credentials", async () => {
    using directory = tempDir();
    await crane(directory, record, {});
    expect(existsSync(directory.file("argv"))).toBe(false);
  });

  test("is asked for the digest where a reference has both", async () => {
    using directory = tempDir();
    const registry = await crane(directory, record, {
      image: `ghcr.io/org/app:1@${digestOf(Buffer.from("{}"))}`,
    });
    await registry.manifest();
    expect(readFileSync(directory.file("argv"), "utf8")).toContain(
      `manifest ghcr.io/org/app@${digestOf(Buffer.from("{}"))}`,
    );
  });

  test("is not used where it would speak plain http", async () => {
    using directory = tempDir();
    const refused = crane(directory, record, {
      image: "10.0.0.1:5000/org/app:1",
      credentials: ACCOUNT,
    });
    await expectRefused(
      refused,
      "CRANE_FAILED",
      "crane would ask 10.0.0.1:5000 without encryption",
    );
    expect(existsSync(directory.file("argv"))).toBe(false);
  });
});

describe("a manifest from a crane that", () => {
  const rows: [string, string, string, string][] = [
    ["hangs", "sleep 60", "CRANE_FAILED", "crane was silent for 0.3 seconds and has been ended"],
    [
      "hangs after its output",
      "printf {}; exec >&- 2>&-; sleep 60",
      "CRANE_FAILED",
      "silent for 0.3",
    ],
    ["is killed", "kill -9 $$", "CRANE_FAILED", "crane was ended by SIGKILL"],
    ["prints garbage", "echo Segmentation fault", "REGISTRY_RESPONSE_INVALID", "no manifest"],
    ["prints nothing", "exit 0", "REGISTRY_RESPONSE_INVALID", "no manifest"],
    ["never stops printing", "echo {; yes", "LIMIT_EXCEEDED", "MAX_MANIFEST_BYTES"],
    [
      "fails in its own way",
      fail("unknown flag: --x"),
      "CRANE_FAILED",
      "exit status 1 (it says: unknown flag: --x)",
    ],
    ["fails without a word", "exit 3", "CRANE_FAILED", "crane ended with exit status 3"],
    ["prints escapes", fail("a\\033[2Jb"), "CRANE_FAILED", "a\\x1b[2Jb"],
    [
      "prints a signed address",
      fail("GET https://cdn.example/b?sig=canary: boom"),
      "CRANE_FAILED",
      "https://cdn.example/b?…",
    ],
    [
      "was denied",
      fail("GET https://ghcr.io/token: DENIED: requested access is denied"),
      "REGISTRY_DENIED",
      "(it says: requested access is denied)",
    ],
    [
      "was refused",
      fail("unexpected status code 401 Unauthorized"),
      "REGISTRY_DENIED",
      "not accept the given username and password",
    ],
    [
      "was refused by code",
      fail("UNAUTHORIZED: authentication required; [map[]]"),
      "REGISTRY_DENIED",
      "not accept the given",
    ],
    [
      "was forbidden",
      fail("unexpected status code 403 Forbidden"),
      "REGISTRY_DENIED",
      "does not let the given account",
    ],
    [
      "finds no tag",
      fail("MANIFEST_UNKNOWN: manifest unknown; map[Tag:1]"),
      "IMAGE_NOT_FOUND",
      "ghcr.io has no image org/app:1",
    ],
    [
      "finds no repository",
      fail("NAME_UNKNOWN: repository name not known"),
      "IMAGE_NOT_FOUND",
      "no repository named org/app",
    ],
    [
      "finds nothing",
      fail("unexpected status code 404 Not Found"),
      "IMAGE_NOT_FOUND",
      "has no image",
    ],
    [
      "is limited",
      fail("TOOMANYREQUESTS: You have reached your pull rate limit"),
      "REGISTRY_LIMITED",
      "limits how often",
    ],
    [
      "is limited by status",
      fail("unexpected status code 429 Too Many Requests"),
      "REGISTRY_LIMITED",
      "by this account",
    ],
    [
      "meets a fault",
      fail("unexpected status code 502 Bad Gateway"),
      "REGISTRY_RESPONSE_INVALID",
      "HTTP status 502",
    ],
    [
      "finds no host",
      fail('Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io: no such host'),
      "REGISTRY_UNREACHABLE",
      "ghcr.io is a host name that cannot be found",
    ],
    [
      "finds no other host",
      fail('Get "https://cdn.example:1/b?sig=canary": dial tcp: connection refused'),
      "REGISTRY_UNREACHABLE",
      "cdn.example:1 refuses the connection",
    ],
    [
      "gets no answer",
      fail('Get "https://ghcr.io/v2/": dial tcp 1.2.3.4:443: i/o timeout'),
      "REGISTRY_UNREACHABLE",
      "does not answer",
    ],
    [
      "trusts no certificate",
      fail("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
      "REGISTRY_UNREACHABLE",
      "authority that is not trusted",
    ],
    [
      "finds an old certificate",
      fail("x509: certificate has expired or is not yet valid"),
      "REGISTRY_UNREACHABLE",
      "expired",
    ],
    [
      "finds no TLS",
      fail("http: server gave HTTP response to HTTPS client"),
      "REGISTRY_UNREACHABLE",
      "does not speak TLS",
    ],
    [
      "is cut off",
      fail('Get "https://ghcr.io/v2/": EOF'),
      "REGISTRY_UNREACHABLE",
      "closes the connection",
    ],
    [
      "is led astray",
      fail('SSRF protection: redirect from "a" to private/link-local host "b" denied'),
      "REGISTRY_REDIRECT_REFUSED",
      "does not follow",
    ],
    [
      "is sent to a private address for a token",
      fail(
        'invalid realm in www-authenticate: realm host "10.0.0.1" is a private or link-local address',
      ),
      "REGISTRY_REDIRECT_REFUSED",
      "does not follow",
    ],
    [
      "gets other bytes",
      fail('error verifying sha256 checksum after reading 1 bytes; got "a", want "b"'),
      "DIGEST_MISMATCH",
      "does not match its digest",
    ],
  ];
  test.each(rows)("%s", async (_, script, code, message) => {
    using directory = tempDir();
    const isSilent = message.includes("silent");
    const options = isSilent ? { stallMs: SHORT_STALL_MS } : { credentials: ACCOUNT };
    const registry = await crane(directory, script, options);
    await expectRefused(registry.manifest(), code, message);
  });

  test("fails has all its words as the cause, without signatures", async () => {
    using directory = tempDir();
    const script = "echo first >&2; echo 'GET https://a/b?signature=canary: no' >&2; exit 1";
    const registry = await crane(directory, script, {});
    const failure = registry.manifest();
    await expectRefused(failure, "CRANE_FAILED", "it says: GET https://a/b?… no");
    await expect(failure).rejects.toMatchObject({ cause: "first\nGET https://a/b?… no" });
  });

  test("cannot be started", async () => {
    using directory = tempDir();
    const missing = { program: directory.file("no-crane") };
    const message = `crane cannot be started as ${missing.program}: there is no such program`;
    const registry = await crane(directory, "", missing);
    await expectRefused(registry.manifest(), "CRANE_MISSING", message);
    await expectRefused(registry.blob(BLOB), "CRANE_MISSING", message);
  });

  test("cannot be run", async () => {
    using directory = tempDir();
    writeFileSync(directory.file("not-executable"), "");
    const registry = await crane(directory, "", { program: directory.file("not-executable") });
    await expectRefused(registry.manifest(), "CRANE_MISSING", "cannot be started");
  });
});

describe("a blob from a crane that", () => {
  const rows: [string, string, string, string][] = [
    [
      "fails in the middle",
      `printf half; ${fail("unexpected EOF")}`,
      "REGISTRY_UNREACHABLE",
      "closes the connection",
    ],
    ["fails without a word", "printf half; exit 1", "CRANE_FAILED", "exit status 1"],
    ["is killed in the middle", "printf half; kill -9 $$", "CRANE_FAILED", "SIGKILL"],
    ["hangs in the middle", "printf half; sleep 60", "CRANE_FAILED", "silent for 0.3 seconds"],
    ["hangs at once", "sleep 60", "CRANE_FAILED", "silent for 0.3 seconds"],
    [
      "has no blob",
      fail("BLOB_UNKNOWN: blob unknown to registry"),
      "IMAGE_NOT_FOUND",
      `lost a part of org/app: ${DIGEST}`,
    ],
  ];
  test.each(rows)("%s does not end well", async (_, script, code, message) => {
    using directory = tempDir();
    const stallMs = message.includes("silent") ? SHORT_STALL_MS : STALL_MS;
    const registry = await crane(directory, script, { stallMs });
    const blob = registry.blob(BLOB);
    await expectRefused(
      blob.then((stream) => new Response(stream).bytes()),
      code,
      message,
    );
  });

  test("ends well is whole, and may be empty", async () => {
    using directory = tempDir();
    for (const content of ["blob", ""]) {
      const registry = await crane(directory, `printf '${content}'`, {});
      const blob = await registry.blob(BLOB);
      expect(await new Response(blob).text()).toBe(content);
    }
  });

  test("is still busy is ended when nobody wants the rest", async () => {
    using directory = tempDir();
    const script = "echo $$ > $DOCKER_CONFIG/pid; yes";
    const registry = await crane(directory, script, {});
    const blob = await registry.blob(BLOB);
    await blob.cancel();
    const pid = Number(readFileSync(directory.file("pid"), "utf8"));
    while (isRunning(pid)) await Bun.sleep(1);
  });
});

test("the limit of a pull ends a crane that is still busy, and one that is asked later", async () => {
  using directory = tempDir();
  const script = "echo $$ > $DOCKER_CONFIG/pid; while :; do echo x; sleep 0.01; done";
  const registry = await crane(directory, script, { limitMs: 300 });
  const words =
    "ghcr.io/org/app:1 is not pulled after 0.3 seconds, which is the limit (PULL_TIMEOUT)";
  const blob = await registry.blob(BLOB);
  await expectRefused(new Response(blob).bytes(), "LIMIT_EXCEEDED", words);
  const pid = Number(readFileSync(directory.file("pid"), "utf8"));
  while (isRunning(pid)) await Bun.sleep(1);
  await expectRefused(registry.manifest(), "LIMIT_EXCEEDED", words);
  await expectRefused(registry.digest(), "LIMIT_EXCEEDED", words);
  registry.close();
});

interface FakeOptions {
  readonly program?: string;
  readonly stallMs?: number;
  readonly limitMs?: number;
  readonly image?: string;
  readonly credentials?: Credentials;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

function crane(
  directory: TempDir,
  script: string,
  { image = "ghcr.io/org/app:1", ...options }: FakeOptions,
) {
  const program = directory.file("crane");
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  return createCrane({
    program,
    env: process.env,
    reference: parseReference(image),
    stallMs: STALL_MS,
    directory: directory.path,
    ...options,
  });
}

function fail(message: string): string {
  return `printf 'Error: %b\\n' '${message}' >&2; exit 1`;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
