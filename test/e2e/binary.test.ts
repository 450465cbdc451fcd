// The compiled binary is the runner whatever surrounds it: no variable of Bun's and no file in the working directory or
// the home turns it into something else, runs code in it or makes it write or tell anything.

import { beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import packageJson from "../../package.json";
import { hostileEnvironments } from "../../scripts/harden-binary.ts";
import { needs } from "../support/requirements.ts";
import { TEST_COMMIT, runnerBinary } from "../support/runner-binary.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

type Environment = Readonly<Record<string, string>>;

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

const VERSION = { stdout: `fastmcp-runner ${packageJson.version} (${TEST_COMMIT})\n`, stderr: "" };
const COMPILE_MS = 60_000;

let binary: string;
beforeAll(async () => {
  binary = await runnerBinary();
}, COMPILE_MS);

test("the binary knows its version and the commit it was built from", async () => {
  using dir = tempDir();
  expect(await run(dir, ["--version"])).toEqual({ ...VERSION, exitCode: 0 });
});

describe("a variable of Bun's has no effect", () => {
  const cases = hostileEnvironments().map(
    (environment, index) => [index + 1, JSON.stringify(environment), environment] as const,
  );
  test.each(cases)("case %d: %s", async (_number, _title, environment) => {
    using dir = tempDir();
    expect(await run(dir, ["--version"], environment)).toEqual({ ...VERSION, exitCode: 0 });
  });

  test("BUN_BE_BUN evaluates nothing", async () => {
    using dir = tempDir();
    const argv = ["--eval", writing(dir.file("evaluated"))];
    const plain = await run(dir, argv);
    expect(await run(dir, argv, { BUN_BE_BUN: "1" })).toEqual(plain);
    expect(readdirSync(dir.path)).toEqual([]);
  });

  const loaders = ["BUN_OPTIONS", "BUN_INSPECT_PRELOAD"];
  test.each(loaders)("%s loads no file that is there", async (name) => {
    using dir = tempDir();
    const script = dir.file("preload.js");
    writeFileSync(script, writing(dir.file("loaded")));
    const value = name === "BUN_OPTIONS" ? `--preload ${script}` : script;
    expect(await run(dir, ["--version"], { [name]: value })).toEqual({ ...VERSION, exitCode: 0 });
    expect(readdirSync(dir.path)).toEqual(["preload.js"]);
  });

  const writers = [
    ["BUN_BYTECODE_ORDER_OUT", "file"],
    ["BUN_BYTECODE_ORDER_NAMES_OUT", "file"],
    ["BUN_BYTECODE_DIGEST_OUT", "file"],
    ["BUN_JSC_dumpJITMemoryPath", "file"],
    ["BUN_JSC_irDumpDirectory", ""],
    ["BUN_RUNTIME_TRANSPILER_CACHE_PATH", "cache"],
    ["BUN_TRACE", "file"],
    ["BUN_WATCHER_TRACE", "file"],
    ["BUN_OPTIONS", "--cpu-prof"],
  ] as const;
  test.each(writers)("%s writes no file", async (name, value) => {
    using dir = tempDir();
    const environment = { [name]: value.startsWith("-") ? value : dir.file(value) };
    expect(await run(dir, ["--version"], environment)).toEqual({ ...VERSION, exitCode: 0 });
    expect(readdirSync(dir.path)).toEqual([]);
  });

  test("BUN_CONFIG_VERBOSE_FETCH shows no credentials", async () => {
    using dir = tempDir();
    const asked: string[] = [];
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        asked.push(request.headers.get("authorization") ?? "anonymous");
        const headers = { "www-authenticate": 'Basic realm="test"' };
        return new Response("", { status: 401, headers });
      },
    });
    const outcome = await run(dir, ["inspect", `127.0.0.1:${server.port}/image`], {
      BUN_CONFIG_VERBOSE_FETCH: "curl",
      REGISTRY_CLIENT: "builtin",
      REGISTRY_USER: "reader",
      REGISTRY_PASSWORD: "canary-6c1f",
    });
    const encoded = Buffer.from("reader:canary-6c1f").toString("base64");
    expect(asked).toContain(`Basic ${encoded}`);
    expect(outcome.stdout + outcome.stderr).not.toMatch(/curl|authorization/i);
    expect(outcome.stdout + outcome.stderr).not.toContain(encoded);
    expect(outcome.exitCode).toBe(125);
  });
});

describe("a file in the working directory or the home has no effect", () => {
  test(".env, bunfig.toml, package.json and tsconfig.json are not read", async () => {
    using empty = tempDir();
    using dir = tempDir();
    const script = dir.file("preload.js");
    writeFileSync(script, writing(dir.file("loaded")));
    const preload = `preload = [${JSON.stringify(script)}]\n`;
    for (const name of ["bunfig.toml", ".bunfig.toml"]) writeFileSync(dir.file(name), preload);
    for (const name of [".env", ".env.local", ".env.production"]) {
      writeFileSync(dir.file(name), "IMAGE=registry.invalid/image\nPORT=1\nBUN_BE_BUN=1\n");
    }
    for (const name of ["package.json", "tsconfig.json"]) writeFileSync(dir.file(name), "{ broken");
    const files = readdirSync(dir.path);
    const home = { HOME: dir.path, XDG_CONFIG_HOME: dir.path };
    expect(await run(dir, ["run"], home)).toEqual(await run(empty, ["run"]));
    expect(readdirSync(dir.path)).toEqual(files);
  });

  needs("cc")("a planted C library is not loaded", async () => {
    using dir = tempDir();
    const marker = dir.file("loaded");
    const source = dir.file("planted.c");
    writeFileSync(
      source,
      `#include <stdio.h>
      __attribute__((constructor)) static void loaded(void) { fclose(fopen("${marker}", "w")); }`,
    );
    const names = ["libc.so.6", "libc.so", "libc", "libc.musl-x86_64.so.1", "ld-musl-x86_64.so.1"];
    for (const name of names) {
      const compiler = Bun.spawnSync(["cc", "-shared", "-fPIC", "-o", dir.file(name), source]);
      expect(compiler.stderr.toString()).toBe("");
    }
    // doctor asks the kernel many things through the C library.
    await run(dir, ["doctor"], { PATH: process.env["PATH"] ?? "" });
    expect(readdirSync(dir.path)).not.toContain("loaded");
  });
});

async function run(
  cwd: TempDir,
  args: readonly string[],
  environment: Environment = {},
): Promise<Outcome> {
  const child = Bun.spawn([binary, ...args], {
    cwd: cwd.path,
    env: { ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}

/** A script that leaves a mark. */
function writing(path: string): string {
  return `require("node:fs").writeFileSync(${JSON.stringify(path)}, "")`;
}
