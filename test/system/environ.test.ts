import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const MODULE = JSON.stringify(join(import.meta.dir, "../../src/system/environ.ts"));
const PASSWORD = "secret-value";

async function runScript(body: string, env: Record<string, string>): Promise<string> {
  const script = `
    import { readFileSync } from "node:fs";
    import { hideFromOtherProcesses, takeEnvironment } from ${MODULE};
    ${body}`;
  await using child = Bun.spawn([process.execPath, "-e", script], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stderr: "inherit",
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

  test("another process of this user finds no password", async () => {
    const output = await runScript(`takeEnvironment(); ${READ_BY_ANOTHER}`, {
      REGISTRY_PASSWORD: PASSWORD,
    });
    const [mayRead, found] = JSON.parse(output) as [boolean, boolean];
    expect(found).toBe(false);
    if (process.getuid?.() !== 0) expect(mayRead).toBe(false);
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
  test("makes the process unreadable to others of the same user", async () => {
    const output = await runScript(`hideFromOtherProcesses(); ${READ_BY_ANOTHER}`, {});
    const [mayRead] = JSON.parse(output) as [boolean, boolean];
    expect(mayRead).toBe(process.getuid?.() === 0);
  });
});
