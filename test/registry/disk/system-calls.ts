// What tests of files need and node:fs has not.

import { readdirSync, readlinkSync } from "node:fs";

export function mkfifoSync(path: string): void {
  const { exitCode, stderr } = Bun.spawnSync(["mkfifo", path]);
  if (exitCode !== 0) throw new Error(stderr.toString());
}

/** Waits until this process has these files open: closing takes a moment. */
export async function untilOpen(expected: readonly string[]): Promise<void> {
  while (openDescriptors().join() !== expected.join()) await Bun.sleep(1);
}

/** What this process has open in temporary directories; a file without a name is `… (deleted)`. */
export function openDescriptors(): readonly string[] {
  const paths = readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`)];
    } catch {
      // The descriptor that listed the directory.
      return [];
    }
  });
  return paths.filter((path) => path.includes("fastmcp-runner-test-")).sort();
}
