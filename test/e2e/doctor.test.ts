// What `doctor` says of the way to a registry, of what is kept, and of how a server would run here.

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { parseDoctorAnswer } from "../support/doctor-answer.ts";
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

describe("doctor --json", () => {
  test.each([
    ["says what it always says", {}],
    ["says it with mirrors and a cache", { ...MIRRORS, CACHE_DIR: "/nonexistent/cache" }],
    ["says it of a mode that is asked for", { RUN_MODE: "baked" }],
    ["says it where nothing may be written", { WORK_DIR: "/proc/1/x" }],
  ])("%s, and nothing else", async (_, environment) => {
    const { stdout, stderr, status } = await doctor(environment, "--json");
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
    expect(() => parseDoctorAnswer(stdout)).not.toThrow();
  });

  test("tells the mode that RUN_MODE leads to, or why it leads to none", async () => {
    const modeWith = async (environment: Readonly<Record<string, string>>) =>
      parseDoctorAnswer((await doctor(environment, "--json")).stdout);
    const { runMode, probe } = await modeWith({});
    expect(runMode.asked).toBe("auto");
    if (!("mode" in runMode)) throw new Error(runMode.problem);
    const ability = probe.modes[runMode.mode];
    expect(ability).toMatchObject({ works: true });
    // The mode's own words come first, and after them the better ones that it is taken instead of.
    if (ability.works && runMode.mode !== "loader")
      expect(runMode.reason).toStartWith(ability.detail);
    expect((await modeWith({ RUN_MODE: "baked" })).runMode).toEqual({
      asked: "baked",
      problem: expect.stringMatching(/^run mode baked does not work here: .*does not exist/),
    });
    expect((await modeWith({ WORK_DIR: "/proc/1/x" })).runMode).toMatchObject({
      problem: expect.stringContaining("no directory can be created in /proc/1"),
      hint: expect.stringContaining("Set WORK_DIR"),
    });
  });
});

function doctor(environment: Readonly<Record<string, string>>, ...flags: readonly string[]) {
  return runRunner({ arguments: ["doctor", ...flags], environment });
}
