// The way to a server's root by this machine's names, for a server that walks it: a root switch would have left it
// behind. Opens what is the runner's own, and nothing else.

import { chmodSync, lchownSync, realpathSync, statSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { RunnerError, printable } from "../errors.ts";
import type { Identity } from "./ownership.ts";

const GROUP_MAY_PASS = 0o710;
const ALL_MAY_PASS = 0o111;
const PERMISSIONS = 0o7777;

/**
 * Lets the server's user pass to a root of its own, where this process is root: through the run's directory, which no
 * other user may pass, and the one that all runs share. Neither can be listed. Throws RUN_MODE_UNAVAILABLE where another
 * directory is closed to that user.
 */
export function openWay(root: string, identity: Identity): void {
  const run = dirname(realpathSync(root));
  const owner = process.geteuid?.() ?? 0;
  lchownSync(run, owner, identity.gid);
  chmodSync(run, GROUP_MAY_PASS);
  for (let directory = dirname(run); directory !== "/"; directory = dirname(directory)) {
    const stats = statSync(directory);
    if (mayPass(stats, identity)) continue;
    if (directory !== dirname(run) || stats.uid !== owner) throw closed(directory, identity);
    chmodSync(directory, (stats.mode & PERMISSIONS) | ALL_MAY_PASS);
  }
}

function mayPass({ uid, gid, mode }: Stats, identity: Identity): boolean {
  if (uid === identity.uid) return (mode & 0o100) !== 0;
  return (mode & (gid === identity.gid ? 0o010 : 0o001)) !== 0;
}

function closed(directory: string, { uid }: Identity): RunnerError {
  return new RunnerError(
    "RUN_MODE_UNAVAILABLE",
    `the server's user, ${uid}, cannot reach its root: ${printable(directory)} is closed to it`,
    {
      hint: "Set WORK_DIR to a directory that everybody may pass through (chmod a+x).",
      stage: "execute",
    },
  );
}
