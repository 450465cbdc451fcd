// Who is using a tree: an empty file for each process, with its identity in the name. A lock would not do: the server
// that the runner becomes keeps no descriptor, but it keeps the identity.

import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onExit } from "../system/cleanup.ts";
import { ownIdentity } from "../system/process-identity.ts";
import { type CacheDirectory, isForsaken } from "./directory.ts";

/** Whether a server in another container still runs nobody can see. Few run longer than this without a restart. */
const FORGOTTEN_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * Says that this process uses a tree, until it ends or the lease is disposed of. To be taken before the tree is looked
 * at: who removes one takes its record away first and asks for leases then, so that one of the two notices the other.
 */
export function takeLease({ leases }: CacheDirectory, tree: string): Disposable {
  const path = join(leases, `${tree}.${ownIdentity()}`);
  writeFileSync(path, "", { mode: 0o600 });
  return onExit(() => rmSync(path, { force: true }));
}

/** The trees that somebody uses. Leases of processes that have ended are removed. */
export function leasedTrees({ leases }: CacheDirectory): ReadonlySet<string> {
  const leased = new Set<string>();
  for (const name of readdirSync(leases)) {
    const dot = name.indexOf(".");
    const path = join(leases, name);
    if (isForsaken(name.slice(dot + 1), path, FORGOTTEN_MS)) rmSync(path, { force: true });
    else leased.add(name.slice(0, dot));
  }
  return leased;
}
