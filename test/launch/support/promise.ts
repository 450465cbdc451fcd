// One promise that holds in whichever way a server is started: a row of a table of promises by ways.

import { describe } from "bun:test";
import { chmodSync } from "node:fs";
import { programProblem, unless } from "../../support/requirements.ts";
import type { TempDir } from "../../support/temp-dir.ts";
import { PROGRAMS, probeRoot } from "./probe-server.ts";
import { run, start, type StartOptions } from "./tiny-root.ts";
import { WAYS, type Way } from "./ways.ts";

/** Why a row is not for a way. */
export type Exception = (way: Way) => string | undefined;

export const NEVER: Exception = () => undefined;
export const OWN_SYSTEM: Exception = ({ overlay }) =>
  overlay && "the system's directories are the runner's";
export const UNPACKED_SO: Exception = ({ given }) =>
  given === "by its unpacking" ? "no such bit is unpacked" : undefined;
export const OWN_ROOT: Exception = ({ overlay, baked }) =>
  (overlay ?? baked) && "the root is the runner's own";

export function options(way: Way, dir: TempDir, wanted: Partial<StartOptions>): StartOptions {
  const own = way.options(dir);
  chmodSync(dir.path, 0o755);
  return {
    command: [],
    ...own,
    ...wanted,
    through: [...(wanted.through ?? []), ...(own.through ?? [])],
  };
}

export function prepared(way: Way, dir: TempDir): string {
  const root = probeRoot(dir);
  way.prepare?.(root);
  return root;
}

export function started(way: Way, dir: TempDir, wanted: Partial<StartOptions>) {
  return start(dir, prepared(way, dir), options(way, dir, wanted));
}

export function ended(way: Way, dir: TempDir, wanted: Partial<StartOptions>) {
  return run(dir, prepared(way, dir), options(way, dir, wanted));
}

/** Registers a row: one test for each way. */
export function promise(
  title: string,
  check: (way: Way) => Promise<void>,
  except: Exception = NEVER,
): void {
  describe(title, () => {
    for (const way of WAYS.filter((candidate) => except(candidate) === undefined)) {
      unless(programProblem(...PROGRAMS), way.problem)(way.name, () => check(way));
    }
  });
}
