// The part of the crane client that no registry shows: what a crane is given, when it is ended, and what becomes of its
// output. What its words mean is crane-problem.test.ts.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { digestOf } from "../../src/oci/digest.ts";
import type { Credentials } from "../../src/registry/credentials.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { crane, fail, NO_STALL_MS, SHORT_STALL_MS } from "../support/fake-crane.ts";
import { tempDir } from "../support/temp-dir.ts";

const ACCOUNT = { username: "somebody", password: "canary-password" };
const DIGEST = digestOf(Buffer.from("blob"));
const BLOB = { mediaType: "application/octet-stream", digest: DIGEST, size: 4 };

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
    const stallMs = message.includes("silent") ? SHORT_STALL_MS : NO_STALL_MS;
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

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
