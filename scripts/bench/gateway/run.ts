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
  /** Of the gateway's own process, the most from the first session to the load of FEW. */
  readonly memory: Memory;
  readonly one: Load;
  readonly few: Load;
  readonly many: Load;
}

/** Megabytes. */
export interface Memory {
  readonly resident: number;
  /** Without pages of files, which the kernel may drop at any time: those of the program's own text above all. */
  readonly anonymous: number;
}

/** Sessions at once. */
export const FEW = 16;
export const MANY = 64;

const START_MS = 60_000;
const END_MS = 15_000;
const LOOK_MS = 50;

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
    using memory = watchMemory(child.pid);
    const started = performance.now();
    const few = await openSessions(port, FEW);
    const openMs = performance.now() - started;
    for (const session of few) sessions.use(session);
    const loads = {
      one: await measureLoad(few.slice(0, 1), seconds),
      few: await measureLoad(few, seconds),
    };
    const most = memory.most();
    const rest = await openSessions(port, MANY - FEW);
    for (const session of rest) sessions.use(session);
    const many = await measureLoad([...few, ...rest], seconds);
    return { openMs, memory: most, ...loads, many };
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

function watchMemory(pid: number): Disposable & { most(): Memory } {
  let most: Memory = { resident: 0, anonymous: 0 };
  const clock = setInterval(() => {
    const status = statusOf(pid);
    if (status === undefined) return;
    const megabytes = (name: string) =>
      (Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1024) / 1e6;
    most = {
      resident: Math.max(most.resident, megabytes("VmRSS")),
      anonymous: Math.max(most.anonymous, megabytes("RssAnon")),
    };
  }, LOOK_MS);
  return { most: () => most, [Symbol.dispose]: () => clearInterval(clock) };
}

function statusOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    // It has ended, which its sessions will tell.
    return undefined;
  }
}
