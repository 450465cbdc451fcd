// One start of a gateway: how long it takes to open sessions, how many calls it then passes on, and what memory that
// takes.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../../test/support/runner.ts";
import { type Load, measureLoad, openSessions } from "./load.ts";
import type { GatewayWay } from "./ways.ts";

export interface GatewaySample {
  /** Milliseconds until FEW sessions that were opened at once have each been answered a call. */
  readonly openMs: number;
  /** Of the gateway's own process, up to and with the load of FEW sessions. */
  readonly peakBytes: number;
  readonly one: Load;
  readonly few: Load;
  readonly many: Load;
}

/** Sessions at once. */
export const FEW = 16;
export const MANY = 64;

const START_MS = 60_000;
const END_MS = 15_000;

/** Starts it and measures each load for that many seconds. `errors` is where it may write what is wrong. */
export async function measureGateway(
  way: GatewayWay,
  directory: string,
  seconds: number,
): Promise<GatewaySample> {
  const [port, spare] = [freePort(), freePort()];
  const { argv, env } = way.command(port, spare);
  const errors = join(directory, `${way.id}.log`);
  const child = Bun.spawn([...argv], {
    cwd: "/",
    env: { ...env },
    stdio: ["ignore", Bun.file(errors), Bun.file(errors)],
  });
  using sessions = new DisposableStack();
  try {
    await untilReady(way, port, child);
    const started = performance.now();
    const few = await openSessions(port, FEW);
    const openMs = performance.now() - started;
    for (const session of few) sessions.use(session);
    const loads = {
      one: await measureLoad(few.slice(0, 1), seconds),
      few: await measureLoad(few, seconds),
    };
    const peakBytes = peakMemory(child.pid);
    const rest = await openSessions(port, MANY - FEW);
    for (const session of rest) sessions.use(session);
    return { openMs, peakBytes, ...loads, many: await measureLoad([...few, ...rest], seconds) };
  } catch (cause) {
    const said = readFileSync(errors, "utf8").trim().slice(-500);
    throw new Error(`${cause instanceof Error ? cause.message : String(cause)} ${said}`, { cause });
  } finally {
    child.kill("SIGTERM");
    const killing = setTimeout(() => child.kill("SIGKILL"), END_MS);
    await child.exited;
    clearTimeout(killing);
  }
}

async function untilReady(
  { hasHealth }: GatewayWay,
  port: number,
  child: Bun.Subprocess,
): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`it exited with status ${child.exitCode}`);
    try {
      const { ok } = await fetch(`http://127.0.0.1:${port}/health`);
      if (ok || !hasHealth) return;
    } catch {
      // It does not listen yet.
    }
    await sleep(20);
  }
  throw new Error(`it is not ready within ${START_MS / 1000} s`);
}

/** Its largest resident set, in bytes. */
function peakMemory(pid: number): number {
  const [, kilobytes] =
    /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}
