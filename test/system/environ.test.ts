import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const MODULE = JSON.stringify(join(import.meta.dir, "../../src/system/environ.ts"));

async function runScript(body: string, env: Record<string, string>): Promise<string> {
  const script = `
    import { readFileSync } from "node:fs";
    import { forgetVariable, hideFromOtherProcesses } from ${MODULE};
    ${body}`;
  await using child = Bun.spawn([process.execPath, "-e", script], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stderr: "inherit",
  });
  return await child.stdout.text();
}

describe("forgetVariable", () => {
  test("takes a value out of process.env, of children and of the kernel's copy", async () => {
    const output = await runScript(
      `forgetVariable("CANARY");
       const kernel = readFileSync("/proc/self/environ", "utf8");
       console.log(JSON.stringify([process.env.CANARY ?? null, kernel.includes("secret-value"), kernel.includes("KEPT=kept")]));`,
      { CANARY: "secret-value", KEPT: "kept" },
    );
    expect(JSON.parse(output)).toEqual([null, false, true]);
  });

  test("another process of this user finds nothing", async () => {
    const output = await runScript(
      `forgetVariable("CANARY");
       const other = Bun.spawnSync(["sh", "-c", "tr '\\\\0' '\\\\n' </proc/" + process.pid + "/environ"], { env: {} });
       console.log(other.stdout.toString().includes("secret-value"));`,
      { CANARY: "secret-value" },
    );
    expect(output).toBe("false\n");
  });

  test("has nothing to do for a variable that is not set", async () => {
    expect(await runScript(`forgetVariable("CANARY"); console.log("fine");`, {})).toBe("fine\n");
  });
});

describe("hideFromOtherProcesses", () => {
  test("makes the process unreadable to others of the same user", async () => {
    const output = await runScript(
      `hideFromOtherProcesses();
       const other = Bun.spawnSync(["cat", "/proc/" + process.pid + "/environ"], { uid: process.getuid(), gid: process.getgid(), env: {} });
       console.log(process.getuid() === 0 || other.exitCode !== 0);`,
      { CANARY: "secret-value" },
    );
    expect(output).toBe("true\n");
  });
});
