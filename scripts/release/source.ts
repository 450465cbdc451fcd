// Which sources a release is made from, and when they were made: no build asks the clock.

import { join } from "node:path";
import { currentCommit } from "../build.ts";
import { mustRun } from "./programs.ts";

export interface SourceState {
  readonly commit: string;
  /** When it was made, in seconds since 1970: the only time that anything in a release may show. */
  readonly createdAt: number;
}

const ROOT = join(import.meta.dir, "../..");

/**
 * The checkout's commit, and the time of SOURCE_DATE_EPOCH, by default the commit's own.
 *
 * https://reproducible-builds.org/specs/source-date-epoch/
 */
export async function sourceState(
  epoch: string | undefined = process.env["SOURCE_DATE_EPOCH"],
): Promise<SourceState> {
  const commit = currentCommit();
  const text = epoch || (await mustRun(["git", "-C", ROOT, "log", "-1", "--format=%ct"])).trim();
  if (!/^\d{1,11}$/.test(text))
    throw new Error(`SOURCE_DATE_EPOCH is no number of seconds: ${text}`);
  return { commit, createdAt: Number(text) };
}

/** What the checkout has that no commit has, as git lists it. */
export function uncommitted(): Promise<string> {
  return mustRun(["git", "-C", ROOT, "status", "--porcelain"]);
}

/** Throws when the checkout has changes that no commit has: nothing that is published could tell what it is. */
export async function refuseChanges(): Promise<void> {
  const changes = await uncommitted();
  if (changes !== "")
    throw new Error(`the checkout has changes that are not committed:\n${changes}`);
}
