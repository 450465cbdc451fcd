import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { cleanUp } from "../../src/system/cleanup.ts";
import { runChild, startChild } from "../../src/system/child.ts";
import { findProgram } from "../../src/system/programs.ts";

const options = { env: { PATH: "/usr/bin:/bin" }, stallMs: 10_000, maxBytes: 1_000_000 };
const shell = (script: string) => ["sh", "-c", script];

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe("runChild", () => {
  test("returns what the program wrote and how it ended", async () => {
    const result = await runChild(shell("echo out; echo err >&2; exit 3"), options);
    expect({ ...result, stdout: text(result.stdout) }).toEqual({
      exitCode: 3,
      stdout: "out\n",
      unsafeStderr: "err\n",
      stalled: false,
      overflowed: false,
    });
  });

  test("names the signal that ended it", async () => {
    const { signal, exitCode } = await runChild(shell("kill -TERM $$"), options);
    expect({ signal, exitCode }).toEqual({ signal: "SIGTERM", exitCode: undefined });
  });

  test("hands it stdin", async () => {
    const { stdout } = await runChild(["cat"], { ...options, stdin: "secret" });
    expect(text(stdout)).toBe("secret");
  });

  test("gives it no variable but its own", async () => {
    process.env["CHILD_TEST_CANARY"] = "canary";
    const { stdout } = await runChild(["/usr/bin/env"], options);
    delete process.env["CHILD_TEST_CANARY"];
    expect(text(stdout)).toBe("PATH=/usr/bin:/bin\n");
  });

  test("ends a program that says too much", async () => {
    const { overflowed, stdout } = await runChild(["yes"], { ...options, maxBytes: 100_000 });
    expect(overflowed).toBe(true);
    expect(stdout.byteLength).toBeLessThanOrEqual(100_000);
  });

  test("ends a program that says nothing, and what it started", async () => {
    const { stalled, stdout } = await runChild(shell("sleep 1000 & echo $!; wait"), {
      ...options,
      stallMs: 200,
    });
    expect(stalled).toBe(true);
    expect(existsSync(`/proc/${text(stdout).trim()}/cwd`)).toBe(false);
  });

  test("ends a program that is busy for too long, and tells it from one that is quick", async () => {
    const busy = shell("while :; do echo; sleep 0.05; done");
    const late = await runChild(busy, { ...options, timeoutMs: 200 });
    expect({ stalled: late.stalled, signal: late.signal }).toEqual({
      stalled: true,
      signal: "SIGKILL",
    });
    const quick = await runChild(["true"], { ...options, timeoutMs: 10_000 });
    expect({ stalled: quick.stalled, exitCode: quick.exitCode }).toEqual({
      stalled: false,
      exitCode: 0,
    });
  });

  test.each([
    ["that stays", "setsid sleep 8 & sleep 1000"],
    ["that has ended", "setsid sleep 8 & exit 0"],
    ["that has ended, with its output closed", "setsid sleep 8 >&- & exit 0"],
  ])("waits for no one to whom a program %s has left its output", async (_, script) => {
    const began = performance.now();
    await runChild(shell(script), { ...options, stallMs: 100 });
    expect(performance.now() - began).toBeLessThan(4000);
  });

  test("keeps only the end of a long stderr", async () => {
    const { unsafeStderr } = await runChild(
      shell("yes x | head -c 200000 >&2; echo end >&2"),
      options,
    );
    expect(unsafeStderr.length).toBe(65_536);
    expect(unsafeStderr.endsWith("end\n")).toBe(true);
  });

  test("throws when there is no such program", async () => {
    expect(runChild(["/nonexistent/program"], options)).rejects.toThrow("ENOENT");
  });
});

test("a child that still runs is ended on the way out", async () => {
  const child = startChild(["sleep", "1000"], options);
  cleanUp();
  expect((await child.ended).signal).toBe("SIGKILL");
});

describe("findProgram", () => {
  test("finds a program by its absolute path", () => {
    expect(findProgram("sh", "/nonexistent:/usr/bin:/bin")).toMatch(/^\/(?:usr\/)?bin\/sh$/);
  });

  test("passes over relative parts of PATH", () => {
    expect(findProgram("sh", ".:bin::../bin")).toBeUndefined();
  });

  test("knows when there is none", () => {
    expect(findProgram("no-such-program", "/usr/bin")).toBeUndefined();
  });
});
