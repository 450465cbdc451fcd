// What it costs the runner to find out which modes work: how much longer `doctor`, which does that and little else,
// takes than `--version`, which starts the same binary and does nothing.

import { median, spreadOf } from "../results.ts";
import { type Ground, ORDINARY, type User } from "./ground.ts";
import type { ProbeRow } from "./results.ts";

/** What it may cost. */
export const PROBE_MAX_MS = 30;

const TIMES = 15;

/** Of the caller, and where that is root also of an ordinary user. */
export function measureProbe({ binary, directory }: Ground): readonly ProbeRow[] {
  const users = ORDINARY === undefined ? [undefined] : [undefined, ORDINARY];
  return users.map((user) => {
    const time = (argument: string) => timeOf([binary, argument], directory, user);
    const times = Array.from({ length: TIMES }, () => ({
      version: time("--version"),
      doctor: time("doctor"),
    }));
    const idle = median(times.map(({ version }) => version));
    return {
      user: user === undefined && ORDINARY !== undefined ? "root" : "an ordinary user",
      milliseconds: spreadOf(times.map(({ doctor }) => doctor - idle)),
    };
  });
}

function timeOf(argv: string[], directory: string, user: User | undefined): number {
  const env = { PATH: process.env["PATH"] ?? "", HOME: directory, TMPDIR: "/tmp" };
  const started = performance.now();
  const { exitCode, stderr } = Bun.spawnSync(argv, { cwd: "/", env, ...user });
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr.toString()}`);
  return performance.now() - started;
}
