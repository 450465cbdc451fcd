// Sessions, many of them and many at once, that end in all the ways in which sessions end; and what the runner still
// holds when all are over.

import { setTimeout as sleep } from "node:timers/promises";
import { median } from "../bench/results.ts";
import { type Ending, live } from "./client.ts";
import { type SoakRunner, startSoakRunner } from "./ground.ts";
import { descriptorCount, processesNamed, residentMegabytes } from "./watch.ts";

export interface SoakOptions {
  readonly binary: string;
  /** An empty directory for all that is written. */
  readonly directory: string;
  readonly sessions: number;
  readonly callsPerSession: number;
}

export interface SoakFigures {
  readonly sessions: number;
  readonly calls: number;
  readonly endings: Readonly<Record<Ending, number>>;
  readonly seconds: number;
  /** Medians of the resident set when the runner was warm, and at the end. */
  readonly megabytes: { readonly warm: number; readonly last: number };
  /** At rest, after the first sessions and after the last. */
  readonly descriptors: { readonly first: number; readonly last: number };
  /** At rest, of the server: one is kept ready. */
  readonly processes: { readonly first: number; readonly last: number };
  /** Sessions that the runner has, and processes of the server when it has ended. */
  readonly sessionsLeft: number;
  readonly processesLeft: number;
  readonly status: number | null;
}

const WORKERS = 16;
const WARM_SESSIONS = 32;
/** Of ten sessions. */
const ENDINGS: readonly Ending[] = [
  "deleted",
  "left",
  "deleted",
  "crashed",
  "deleted",
  "cut",
  "deleted",
  "crashed, leaving a child",
  "left",
  "deleted",
];
const LOOK_MS = 250;
const REST_MS = 30_000;

/** Runs them all. Throws where a session is not answered as it has to be. */
export async function soak(
  options: SoakOptions,
  report: (line: string) => void,
): Promise<SoakFigures> {
  const runner = await startSoakRunner(options.binary, options.directory);
  try {
    await liveAll(runner, { ...options, sessions: WARM_SESSIONS }, () => {});
    const first = await atRest(runner);
    const memory: number[] = [];
    const clock = setInterval(() => memory.push(residentMegabytes(runner.pid)), LOOK_MS);
    const started = performance.now();
    const endings = await liveAll(runner, options, report);
    const seconds = (performance.now() - started) / 1000;
    clearInterval(clock);
    const last = await atRest(runner);
    const sessionsLeft = await runner.gauge("sessions");
    const status = await runner.end();
    return {
      sessions: options.sessions,
      calls: options.sessions * options.callsPerSession,
      endings,
      seconds: Math.round(seconds),
      megabytes: growthOf(memory),
      descriptors: { first: first.descriptors, last: last.descriptors },
      processes: { first: first.processes, last: last.processes },
      sessionsLeft,
      processesLeft: processesNamed(runner.serverName),
      status,
    };
  } finally {
    await runner.end();
  }
}

/** What must not be, one sentence each. */
export function problemsOf(figures: SoakFigures, maxGrowth: number): readonly string[] {
  const { megabytes, descriptors, processes, sessionsLeft, processesLeft, status } = figures;
  const problems: readonly (string | false)[] = [
    megabytes.last > megabytes.warm * maxGrowth &&
      `the memory has grown from ${megabytes.warm} to ${megabytes.last} MB`,
    descriptors.last > descriptors.first &&
      `${descriptors.last} descriptors are open, and were ${descriptors.first}`,
    processes.last > processes.first &&
      `the server has ${processes.last} processes, and had ${processes.first}`,
    sessionsLeft > 0 && `${sessionsLeft} sessions are left`,
    processesLeft > 0 && `${processesLeft} processes of the server have outlived the runner`,
    status !== 0 && `the runner has ended with ${status}`,
  ];
  return problems.filter((problem) => problem !== false);
}

async function liveAll(
  { url }: SoakRunner,
  { sessions, callsPerSession }: Pick<SoakOptions, "sessions" | "callsPerSession">,
  report: (line: string) => void,
): Promise<SoakFigures["endings"]> {
  const endings: Record<Ending, number> = {
    deleted: 0,
    left: 0,
    cut: 0,
    crashed: 0,
    "crashed, leaving a child": 0,
  };
  let begun = 0;
  const worker = async () => {
    while (begun < sessions) {
      const ending = ENDINGS[begun % ENDINGS.length] ?? "deleted";
      begun += 1;
      endings[ending] += 1;
      if (begun % 500 === 0) report(`${begun} of ${sessions} sessions`);
      await live({ url, calls: callsPerSession, ending });
    }
  };
  await Promise.all(Array.from({ length: Math.min(WORKERS, sessions) }, worker));
  return endings;
}

interface Rest {
  readonly descriptors: number;
  readonly processes: number;
}

/** What it holds when no session is left and nothing changes any more, or after a while. */
async function atRest(runner: SoakRunner): Promise<Rest> {
  const deadline = performance.now() + REST_MS;
  let steady = 0;
  let last: Rest = { descriptors: 0, processes: 0 };
  while (performance.now() < deadline) {
    const sessions = await runner.gauge("sessions");
    const now = {
      descriptors: descriptorCount(runner.pid, runner.port),
      processes: processesNamed(runner.serverName),
    };
    const isSame =
      now.descriptors === last.descriptors && now.processes === last.processes && sessions === 0;
    steady = isSame ? steady + 1 : 0;
    last = now;
    if (steady >= 8) break;
    await sleep(LOOK_MS);
  }
  return last;
}

// Caches fill and code is compiled during the first fifth.
function growthOf(memory: readonly number[]): SoakFigures["megabytes"] {
  const fifth = Math.max(1, Math.floor(memory.length / 5));
  return {
    warm: Math.round(median(memory.slice(fifth, 2 * fifth))),
    last: Math.round(median(memory.slice(-fifth))),
  };
}
