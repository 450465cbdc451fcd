// One start of the server: how long until it answers, and how many calls it then answers.

import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../../test/support/runner.ts";
import {
  callsPerSecond,
  type Call,
  type Connection,
  ECHO,
  openSession,
  READ_FILES,
} from "./client.ts";
import type { Way } from "./ways.ts";

/** What one start has given; without `rates` it was only a start. */
export interface Sample {
  readonly startMs: number;
  readonly rates?: Rates;
}

/** Calls a second. */
export interface Rates {
  readonly echo: Rate;
  readonly echoMany: Rate;
  readonly readFiles: Rate;
}

export interface Rate {
  readonly perSecond: number;
  /** How many cores' worth of time this process has used meanwhile. */
  readonly clientCores: number;
}

/** Connections at once, where there is more than one. */
export const MANY = 16;

const TIMEOUT_MS = 120_000;
const WARM_CALLS = 1500;
const WARM_READS = 5;

/** Starts it in an empty directory; when `seconds` are given, each rate is measured for so long. */
export async function measureWay(
  way: Way,
  directory: string,
  seconds: number | undefined,
): Promise<Sample> {
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o755);
  const { argv, env, user } = way.prepare(directory);
  const port = freePort();
  // What was copied before is not to be written now.
  Bun.spawnSync(["sync"]);
  const errors = join(directory, "errors");
  const started = performance.now();
  const child = Bun.spawn([...argv], {
    cwd: "/",
    env: { ...env, PORT: String(port) },
    stdio: ["ignore", "pipe", Bun.file(errors)],
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
    ...user,
  });
  try {
    if (!(await saysThatItListens(child.stdout))) {
      throw new Error(readFileSync(errors, "utf8").trim().slice(-500) || "it said nothing");
    }
    const open = await openSession(port);
    using connection = await open();
    await connection.ask(ECHO);
    const startMs = performance.now() - started;
    if (seconds === undefined) return { startMs };
    Bun.spawnSync(["sync"]);
    return { startMs, rates: await measureRates(connection, open, seconds) };
  } finally {
    // Outright: a runner that stays would remove its files, and on ext4 that slows down those who create some next.
    child.kill("SIGKILL");
    await child.exited;
  }
}

async function measureRates(
  connection: Connection,
  open: () => Promise<Connection>,
  seconds: number,
): Promise<Rates> {
  for (let call = 0; call < WARM_CALLS; call += 1) await connection.ask(ECHO);
  for (let call = 0; call < WARM_READS; call += 1) await connection.ask(READ_FILES);
  using many = new DisposableStack();
  const connections = await Promise.all(Array.from({ length: MANY }, open));
  for (const each of connections) many.use(each);
  return {
    echo: await rate([connection], ECHO, seconds),
    echoMany: await rate(connections, ECHO, seconds),
    readFiles: await rate([connection], READ_FILES, seconds),
  };
}

async function rate(
  connections: readonly Connection[],
  call: Call,
  seconds: number,
): Promise<Rate> {
  const before = process.cpuUsage();
  const started = performance.now();
  const perSecond = await callsPerSecond(connections, call, seconds);
  const { user, system } = process.cpuUsage(before);
  return { perSecond, clientCores: (user + system) / 1000 / (performance.now() - started) };
}

/** Whether the server says so before it ends. */
export async function saysThatItListens(stdout: ReadableStream<Uint8Array>): Promise<boolean> {
  const decoder = new TextDecoder();
  let text = "";
  // The stream is left open: the server may have more to say.
  const reader = stdout.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return false;
    text += decoder.decode(value, { stream: true });
    if (text.includes("listening\n")) return true;
  }
}
