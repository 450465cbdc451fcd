// How a server and its runner end in whichever way it is started: by itself, by a signal to the runner's PID, and when
// the runner is killed outright.

import { describe, expect } from "bun:test";
import { existsSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { tempDir, type TempDir } from "../support/temp-dir.ts";
import { fieldOf, isGone, isIgnoring } from "./support/process-fields.ts";
import { ended, options, prepared, promise, started } from "./support/promise.ts";
import { put, run } from "./support/tiny-root.ts";
import type { Way } from "./support/ways.ts";

const SIGHUP = 1;
const SIGQUIT = 3;

// With nothing tried: in overlay the sentence begins with what that mode lacks.
const UNSTARTABLE = [
  {
    why: "a command that is not there",
    command: ["./none"],
    status: 127,
    says: /: \/app\/none, which is \.\/none from the working directory, does not exist\n$/,
  },
  {
    why: "a script without its interpreter",
    command: ["/app/script"],
    status: 126,
    says: /: \/app\/script is a script for \/usr\/bin\/nothing, but \/usr\/bin\/nothing does not exist\n$/,
  },
  {
    why: "a script with Windows line endings",
    command: ["/app/windows"],
    status: 126,
    says: /^COMMAND_NOT_RUNNABLE: \/app\/windows has Windows line endings, /,
  },
  {
    why: "a file that is not executable",
    command: ["/app/text"],
    status: 126,
    says: /^COMMAND_NOT_RUNNABLE: \/app\/text is not executable\n$/,
  },
  {
    why: "a damaged program",
    command: ["/app/cut"],
    status: 126,
    says: /^COMMAND_NOT_RUNNABLE: \/app\/cut is a damaged ELF file\n$/,
  },
  {
    why: "a directory",
    command: ["/app"],
    status: 126,
    says: /^COMMAND_NOT_RUNNABLE: \/app is a directory\n$/,
  },
];

describe("a server's end", () => {
  for (const status of [0, 7, 255]) {
    promise(`by exit ${status} is the runner's`, async (way) => {
      using dir = tempDir();
      const ending = await ended(way, dir, { command: ["/app/probe", "exit", String(status)] });
      expect(ending).toEqual({ stdout: "", stderr: "", status });
    });
  }

  for (const [name, signal] of [
    ["SIGUSR2", 12],
    ["SIGKILL", 9],
    ["SIGSEGV", 11],
    ["SIGPIPE", 13],
  ] as const) {
    promise(`by ${name} is ${128 + signal}`, async (way) => {
      using dir = tempDir();
      const command = ["/app/probe", "raise", String(signal)];
      expect((await ended(way, dir, { command })).status).toBe(128 + signal);
    });
  }

  for (const { why, command, status, says } of UNSTARTABLE) {
    promise(`before it begins, for ${why}, is a sentence and ${status}`, async (way) => {
      using dir = tempDir();
      const root = prepared(way, dir);
      put(root, "app/script", "#!/usr/bin/nothing\n", 0o755);
      put(root, "app/windows", "#!/app/probe\r\n", 0o755);
      put(root, "app/text", "#!/app/probe\n");
      put(root, "app/cut", "\u007fELF", 0o755);
      const outcome = await run(dir, root, options(way, dir, { command, workingDir: "/app" }));
      expect(outcome).toEqual({ stdout: "", stderr: expect.stringMatching(says), status });
    });
  }
});

describe("a signal to the runner's PID", () => {
  for (const [name, number] of [
    ["SIGTERM", 15],
    ["SIGINT", 2],
    ["SIGHUP", 1],
    ["SIGUSR1", 10],
    ["SIGUSR2", 12],
    ["SIGWINCH", 28],
  ] as const) {
    promise(`${name} is the server's, and so is the answer`, async (way) => {
      using dir = tempDir();
      await using server = await waiting(way, dir);
      server.runner.kill(name);
      expect(await server.rest()).toBe(`${number}\n`);
      expect(await server.runner.exited).toBe(7);
    });
  }

  promise("SIGQUIT, which the server does not expect, ends it", async (way) => {
    using dir = tempDir();
    await using server = await waiting(way, dir);
    server.runner.kill("SIGQUIT");
    expect(await server.runner.exited).toBe(128 + SIGQUIT);
    await isGone(server.pid);
  });

  promise("SIGHUP is nothing to the server and its helpers under nohup", async (way) => {
    using dir = tempDir();
    await using server = await waiting(way, dir, ["nohup"]);
    for (let pid = server.pid; pid !== process.pid; pid = Number(fieldOf(pid, 1)))
      expect(isIgnoring(pid, SIGHUP)).toBe(true);
    server.runner.kill("SIGHUP");
    server.runner.kill("SIGTERM");
    expect(await server.rest()).toBe("15\n");
  });

  promise("SIGKILL ends the server too, also one with children", async (way) => {
    using dir = tempDir();
    await using server = await waiting(way, dir);
    server.runner.kill("SIGKILL");
    await isGone(server.pid);
  });
});

promise("the server is the runner's process, or a helper's child, and no shell's", async (way) => {
  using dir = tempDir();
  await using server = await waiting(way, dir);
  expect(server.pid === server.runner.pid).toBe(way.monitored !== true);
  expect(basename(readlinkSync(`/proc/${server.parent}/exe`))).not.toMatch(/sh$|^busybox/);
});

/** A server that waits for a signal, with a child. */
async function waiting(way: Way, dir: TempDir, through: readonly string[] = []) {
  const runner = started(way, dir, { command: ["/app/probe", "wait"], through });
  const output = runner.stdout.getReader();
  const rest = async () => new TextDecoder().decode((await output.read()).value);
  const text = await rest();
  const [pid = 0, parent = 0, child = 0] = text.trim().split(" ").map(Number);
  if (child === 0) throw new Error(`${text}${await new Response(runner.stderr).text()}`);
  return {
    runner,
    pid,
    parent,
    rest,
    async [Symbol.asyncDispose]() {
      runner.kill("SIGKILL");
      // It is the server's own to end, which nobody has told it to do.
      if (existsSync(`/proc/${child}`)) process.kill(child, "SIGKILL");
      await runner.exited;
    },
  };
}
