// Sessions of a server, and calls in them as fast as each is answered: how many there are in a second, and how long
// each takes. Knows not what answers.

import { type Connection, ECHO, openSession } from "../modes/client.ts";

export interface Load {
  readonly perSecond: number;
  /** Milliseconds that half of the calls, and 99 of 100, take at most. */
  readonly p50: number;
  readonly p99: number;
  /** How many cores' worth of time this process has used meanwhile. */
  readonly clientCores: number;
}

const WARM_SECONDS = 1;

/** Opens sessions at once, each with a connection of its own that has been answered a call. */
export function openSessions(port: number, count: number): Promise<readonly Connection[]> {
  const opened = Array.from({ length: count }, async () => {
    const open = await openSession(port);
    const connection = await open();
    await connection.ask(ECHO);
    return connection;
  });
  return Promise.all(opened);
}

/** Measures for that long, after a while that does not count. */
export async function measureLoad(
  connections: readonly Connection[],
  seconds: number,
): Promise<Load> {
  await callAll(connections, WARM_SECONDS);
  const before = process.cpuUsage();
  const started = performance.now();
  const times = await callAll(connections, seconds);
  const elapsed = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  times.sort();
  return {
    perSecond: times.length / (elapsed / 1000),
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    clientCores: (user + system) / 1000 / elapsed,
  };
}

/** The smallest value that this part of the sorted values does not exceed. */
export function percentile(sorted: ArrayLike<number>, part: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
}

/** Milliseconds of each call. */
async function callAll(
  connections: readonly Connection[],
  seconds: number,
): Promise<Float64Array<ArrayBuffer>> {
  const times: number[] = [];
  const until = performance.now() + seconds * 1000;
  await Promise.all(
    connections.map(async (connection) => {
      for (let now = performance.now(); now < until;) {
        await connection.ask(ECHO);
        const then = performance.now();
        times.push(then - now);
        now = then;
      }
    }),
  );
  return Float64Array.from(times);
}
