// What `doctor` says of the way to a registry, and of what is kept.

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { runRunner } from "../support/runner.ts";
import { tempDir } from "../support/temp-dir.ts";

const MIRRORS = {
  REGISTRY_MIRRORS: "docker.io=mirror.example,host:5000/hub;ghcr.io=mirror.example",
};

describe("the registry client that doctor names", () => {
  test.each([
    ["is the built-in one without crane", false, {}, "builtin", "crane is not on PATH"],
    ["is crane where it is on PATH", true, {}, "crane", "it is at /"],
    ["is the one asked for", true, { REGISTRY_CLIENT: "builtin" }, "builtin", "asks for it"],
    ["is none where crane is missing", false, { REGISTRY_CLIENT: "crane" }, "none", "not on PATH"],
    ["is crane for some", true, MIRRORS, "crane", "mirrors (docker.io, ghcr.io) are asked by the"],
    [
      "is crane, which must not ask all",
      true,
      { REGISTRY_CLIENT: "crane", ...MIRRORS },
      "crane",
      "mirrors (docker.io, ghcr.io) are refused",
    ],
  ])("%s", async (_, hasCrane, environment, client, why) => {
    using programs = tempDir();
    if (hasCrane) writeFileSync(programs.file("crane"), "#!/bin/sh\n", { mode: 0o755 });
    const { stdout } = await doctor({ PATH: programs.path, ...environment }, "--json");
    expect(JSON.parse(stdout).registryClient).toEqual({
      client,
      why: expect.stringContaining(why),
    });
  });
});

test("doctor names mirrors in the order in which they are asked", async () => {
  const { stdout } = await doctor(MIRRORS);
  expect(stdout).toContain(
    "mirrors          mirror.example, host:5000/hub before docker.io\n" +
      "mirrors          mirror.example before ghcr.io\n",
  );
  expect((await doctor({})).stdout).not.toContain("mirrors  ");
});

test("doctor says where images are kept, and where they cannot be", async () => {
  using directory = tempDir();
  const text = async (CACHE_DIR: string) => (await doctor({ CACHE_DIR })).stdout;
  expect(await text("")).toContain("cache            none: without CACHE_DIR");
  expect(await text(directory.path)).toContain(`cache            ${directory.path}\n`);
  expect(await text("/proc/1/x")).toContain(
    "/proc/1/x may not be written by this user; set CACHE_DIR",
  );
});

function doctor(environment: Readonly<Record<string, string>>, ...flags: readonly string[]) {
  return runRunner({ arguments: ["doctor", ...flags], environment });
}
