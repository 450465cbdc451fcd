import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { lockFile, tryLockFile } from "../../src/system/file-lock.ts";
import { tempDir } from "../support/temp-dir.ts";

const SOURCE = join(import.meta.dir, "../../src/system/file-lock.ts");

/** A process that takes the lock, says so, and holds it until it is killed. */
async function holder(path: string, then = "await new Promise(() => {})") {
  const script = `
    import { lockFile } from ${JSON.stringify(SOURCE)};
    const lock = await lockFile(${JSON.stringify(path)});
    require("node:fs").writeSync(1, "held");
    setInterval(() => {}, 1000);
    ${then};`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  const reader = child.stdout.getReader();
  await reader.read();
  return child;
}

test("a lock is one process's at a time, and the next one's when it is given back", async () => {
  using dir = tempDir();
  const path = dir.file("lock");
  const first = tryLockFile(path);
  expect(first).toBeDefined();
  expect(tryLockFile(path)).toBeUndefined();
  first?.[Symbol.dispose]();
  using second = tryLockFile(path);
  expect(second).toBeDefined();
});

test("a lock that is given back leaves no file", () => {
  using dir = tempDir();
  tryLockFile(dir.file("lock"))?.[Symbol.dispose]();
  expect(existsSync(dir.file("lock"))).toBe(false);
});

test("who waits is told so once, and goes on when the holder is killed", async () => {
  using dir = tempDir();
  const child = await holder(dir.file("lock"));
  let waits = 0;
  const waiting = lockFile(dir.file("lock"), {
    onWait() {
      waits += 1;
      child.kill("SIGKILL");
    },
  });
  using lock = await waiting;
  expect(lock).toBeDefined();
  expect(waits).toBe(1);
});

test("a lock ends with an execve: neither the server nor a child inherits it", async () => {
  using dir = tempDir();
  const child = await holder(
    dir.file("lock"),
    `process.execve("/bin/sh", ["sh", "-c", "echo; exec sleep 60"], {})`,
  );
  try {
    using lock = await lockFile(dir.file("lock"));
    expect(lock).toBeDefined();
    expect(child.exitCode).toBeNull();
  } finally {
    child.kill("SIGKILL");
  }
});

test("of many who want a lock at once, never two have it", async () => {
  using dir = tempDir();
  let holders = 0;
  let most = 0;
  const take = async () => {
    using lock = await lockFile(dir.file("lock"));
    expect(lock).toBeDefined();
    holders += 1;
    most = Math.max(most, holders);
    await Promise.resolve();
    holders -= 1;
  };
  await Promise.all(Array.from({ length: 8 }, take));
  expect(most).toBe(1);
});
