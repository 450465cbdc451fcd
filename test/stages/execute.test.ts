import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { LaunchPlan } from "../../src/launch/launch-plan.ts";
import { tempDir } from "../support/temp-dir.ts";

const EXECUTE = join(import.meta.dir, "../../src/stages/execute.ts");
const PLAN: LaunchPlan = {
  mode: "overlay",
  reason: "for the test",
  root: "/",
  program: "/bin/sh",
  argv: ["sh", "-c", "echo $$ $ONLY; exit 3"],
  environment: { ONLY: "this" },
  workingDirectory: "/",
  identity: { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 },
  drop: false,
};

/** Runs stage 6 in a process of its own. */
function executeIn(changes: Partial<LaunchPlan>) {
  const script = `
    import { execute } from ${JSON.stringify(EXECUTE)};
    process.on("SIGTERM", () => process.exit(99));
    try {
      const way = { kind: "hand-over", reason: "for the test" };
      const options = { runner: [], searchPath: "", way };
      process.exit(await execute(${JSON.stringify({ ...PLAN, ...changes })}, options));
    } catch (error) {
      require("node:fs").writeSync(1, error.code + ": " + error.message);
      process.exit(error.status);
    }`;
  return Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "pipe", cwd: "/" });
}

describe("execute", () => {
  test("this process becomes the server: its PID, its output, its status", async () => {
    const child = executeIn({});
    expect(await new Response(child.stdout).text()).toBe(`${child.pid} this\n`);
    expect(await new Response(child.stderr).text()).toContain("starting the server mode=overlay");
    expect(await child.exited).toBe(3);
  });

  test("a signal that nobody listens to any more ends the server as it would any program", async () => {
    const child = executeIn({ argv: ["sh", "-c", "kill -TERM $$"] });
    expect(await child.exited).toBe(143);
  });

  test("a program that vanished is 127, and one the kernel refuses 126", async () => {
    using dir = tempDir();
    await Bun.write(dir.file("text"), "no program", { mode: 0o755 });
    expect(await executeIn({ program: dir.file("none") }).exited).toBe(127);
    const refused = executeIn({ program: dir.file("text") });
    expect(await new Response(refused.stdout).text()).toStartWith("COMMAND_NOT_RUNNABLE: ");
    expect(await refused.exited).toBe(126);
  });

  test("a working directory that is not where it should be is refused", async () => {
    using dir = tempDir();
    const child = executeIn({ workingDirectory: `/proc/self/cwd` });
    expect(await new Response(child.stdout).text()).toBe(
      "WORKDIR_UNUSABLE: the working directory /proc/self/cwd cannot be used: it leads to /",
    );
    expect(await child.exited).toBe(125);
    expect(await executeIn({ workingDirectory: dir.file("none") }).exited).toBe(125);
  });

  test("userns without a tool is an error, not a crash", async () => {
    const child = executeIn({ mode: "userns" });
    expect(await new Response(child.stdout).text()).toStartWith("RUN_MODE_UNAVAILABLE: ");
    expect(await child.exited).toBe(125);
  });
});
