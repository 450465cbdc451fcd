// Runs one program and says what it took, under GNU time: it counts a program's children too, and being small itself
// it does not lend its own memory to their peak, as a child of a big process inherits its parent's.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Usage {
  readonly seconds: number;
  /** Of the program and of all the children it has waited for. */
  readonly cpuSeconds: number;
  /** Of the largest of these processes. */
  readonly peakBytes: number;
}

export interface Run {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** A directory that only this run uses. */
  readonly directory: string;
}

const TIME = "/usr/bin/time";
const TIMEOUT_MS = 15 * 60 * 1000;

/** What keeps anything from being measured here, if anything. */
export function measureProblem(): string | undefined {
  const probe = Bun.which(TIME) === null ? undefined : Bun.spawnSync([TIME, "-f", "%M", "true"]);
  return probe?.exitCode === 0 ? undefined : `GNU time is not installed as ${TIME}`;
}

/** Runs it to its end; throws, with the end of what it said, when it fails. */
export async function measure({ argv, env, directory }: Run): Promise<Usage> {
  const log = join(directory, "log");
  const report = join(directory, "usage");
  const started = performance.now();
  const child = Bun.spawn([TIME, "-o", report, "-f", "%U %S %M", ...argv], {
    cwd: directory,
    env,
    stdin: "ignore",
    stdout: Bun.file(log),
    stderr: Bun.file(join(directory, "errors")),
    timeout: TIMEOUT_MS,
  });
  const status = await child.exited;
  const seconds = (performance.now() - started) / 1000;
  if (status !== 0) {
    const said = readFileSync(join(directory, "errors"), "utf8").trim().slice(-500);
    throw new Error(`status ${status}: ${said}`);
  }
  const [user = 0, system = 0, peak = 0] = readFileSync(report, "utf8").split(" ").map(Number);
  return { seconds, cpuSeconds: user + system, peakBytes: peak * 1024 };
}

/**
 * Writes out what is waiting to be written and empties the page cache, which also makes ext4 forget recent deletions:
 * they slow down the next files. Only root can do the latter; returns whether that was done.
 */
export function settleDisk(): boolean {
  Bun.spawnSync(["sync"]);
  try {
    writeFileSync("/proc/sys/vm/drop_caches", "3");
    return true;
  } catch {
    return false;
  }
}
