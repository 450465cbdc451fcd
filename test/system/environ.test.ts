import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { ORDINARY_USER, otherUserProblem } from "../support/privileges.ts";
import { unless } from "../support/requirements.ts";

const MODULE = JSON.stringify(join(import.meta.dir, "../../src/system/environ.ts"));
const PASSWORD = "secret-value";
// Root may read every process.
const isRoot = process.getuid?.() === 0;
const user = isRoot ? ORDINARY_USER : undefined;
const problem = isRoot ? otherUserProblem() : undefined;

async function runScript(
  body: string,
  env: Record<string, string>,
  user?: number,
): Promise<string> {
  const script = `
    import { readFileSync } from "node:fs";
    import { hideFromOtherProcesses, takeEnvironment } from ${MODULE};
    ${body}`;
  await using child = Bun.spawn([process.execPath, "-e", script], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    cwd: "/",
    stderr: "inherit",
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
  return await child.stdout.text();
}

/** Has another process of the same user read the script's environment, and prints whether it may and what it finds. */
const READ_BY_ANOTHER = `
  const other = Bun.spawnSync(["cat", "/proc/" + process.pid + "/environ"], { env: {} });
  console.log(JSON.stringify([other.exitCode === 0, other.stdout.includes("${PASSWORD}")]));`;

describe("takeEnvironment", () => {
  test("a password is in what it returns, and no longer in process.env", async () => {
    const output = await runScript(
      `const taken = takeEnvironment();
       console.log(JSON.stringify([taken, "REGISTRY_PASSWORD" in process.env]));`,
      { REGISTRY_PASSWORD: PASSWORD, KEPT: "kept" },
    );
    const taken = { PATH: process.env["PATH"], REGISTRY_PASSWORD: PASSWORD, KEPT: "kept" };
    expect(JSON.parse(output)).toEqual([taken, false]);
  });

  test("NO_PROXY no longer tells Bun anything", async () => {
    const output = await runScript(
      `const taken = takeEnvironment();
       console.log(JSON.stringify([taken, "NO_PROXY" in process.env, "no_proxy" in process.env]));`,
      { NO_PROXY: "*", no_proxy: "x" },
    );
    const taken = { PATH: process.env["PATH"], NO_PROXY: "*", no_proxy: "x" };
    expect(JSON.parse(output)).toEqual([taken, false, false]);
  });

  unless(problem)("another process of this user may not read it", async () => {
    const environment = { REGISTRY_PASSWORD: PASSWORD };
    const output = await runScript(`takeEnvironment(); ${READ_BY_ANOTHER}`, environment, user);
    expect(JSON.parse(output)).toEqual([false, false]);
  });

  test("the kernel's copy loses the password and nothing else", async () => {
    // Afterwards the file is root's, but who has it open may read on.
    const output = await runScript(
      `const { openSync } = require("node:fs");
       const kernel = openSync("/proc/self/environ", "r");
       takeEnvironment();
       const text = readFileSync(kernel, "latin1");
       console.log(JSON.stringify([text.includes("${PASSWORD}"), text.includes("KEPT=kept")]));`,
      { REGISTRY_PASSWORD: PASSWORD, KEPT: "kept" },
    );
    expect(JSON.parse(output)).toEqual([false, true]);
  });

  test("without a password the process stays as readable as any", async () => {
    const output = await runScript(`takeEnvironment(); ${READ_BY_ANOTHER}`, { OTHER: PASSWORD });
    expect(JSON.parse(output)).toEqual([true, true]);
  });
});

describe("hideFromOtherProcesses", () => {
  unless(problem)("makes the process unreadable to others of the same user", async () => {
    const output = await runScript(`hideFromOtherProcesses(); ${READ_BY_ANOTHER}`, {}, user);
    expect(JSON.parse(output)).toEqual([false, false]);
  });
});
