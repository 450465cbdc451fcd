// One process of a server with a port of its own, kept running: started again when it ends, later and later the more
// often it does.

import { setTimeout as sleep } from "node:timers/promises";
import { tellLife } from "../child-life.ts";
import { createCrashWatch } from "../crash-watch.ts";
import type { OnGatewayEvent } from "../events.ts";
import type { ServerProcess, StartServer } from "../server-process.ts";
import type { Phase } from "../status.ts";

export interface KeeperOptions {
  readonly start: StartServer;
  readonly port: number;
  /** Milliseconds that the server has until it listens. */
  readonly startTimeoutMs: number;
  /** Whether somebody listens on a port of this machine. */
  readonly isListenedOn: (port: number) => boolean;
  /** The ports that a process and what it has started listen on, for the sentence that says it is none or another. */
  readonly portsOf?: (pid: number) => readonly number[];
  readonly onEvent: OnGatewayEvent;
  readonly onPhase: (phase: Phase) => void;
  /** What the server writes to its stdout, which is nobody's protocol here. */
  readonly onOutput: (pid: number, unsafeLine: string) => void;
}

export interface Keeper {
  /** Resolves when the server listens, or with a sentence that says why it does not. */
  ready(): Promise<string | undefined>;
  close(): Promise<void>;
}

const LOOK_AGAIN_MS = 25;
const ENDING_MS = 1_000;
/** A server with a port of its own does not mind its stdin. */
const NO_PATIENCE = 0;

/** Starts the server. */
export function keepRunning(options: KeeperOptions): Keeper {
  const { start, onEvent, onPhase, onOutput } = options;
  const crashes = createCrashWatch();
  const closing = new AbortController();
  let child: ServerProcess | undefined;
  /** Of the process that runs now, or of the next one. */
  let answer = Promise.withResolvers<string | undefined>();

  const fail = (reason: string) => {
    onPhase({ state: "failing", reason });
    answer.resolve(reason);
  };
  const live = async () => {
    await untilFree(options, closing.signal, fail);
    if (await isSettled(answer.promise)) answer = Promise.withResolvers();
    const started = performance.now();
    let own: ServerProcess;
    try {
      own = start({ onLine: (unsafeLine) => onOutput(own.pid, unsafeLine) });
    } catch (error) {
      onEvent({ type: "start-failed", error });
      fail("the server could not be started");
      await sleep(crashes.ended(0), undefined, { signal: closing.signal });
      return;
    }
    child = own;
    tellLife(own, "shared", onEvent);
    const watched = new AbortController();
    const onListening = () => {
      onPhase({ state: "serving" });
      answer.resolve(undefined);
      // Others may have heard that it is late.
      answer = Promise.withResolvers();
      answer.resolve(undefined);
    };
    const onLate = () => fail(silence(options, own.pid));
    untilListening(options, AbortSignal.any([watched.signal, closing.signal]), onLate).then(
      onListening,
      ignore,
    );
    const end = await own.ended;
    watched.abort();
    if (closing.signal.aborted) return;
    const waitMs = crashes.ended(performance.now() - started);
    if (crashes.isLooping) fail(`the server ${end.reason}, ${crashes.crashes} times so far`);
    if (await isSettled(answer.promise)) answer = Promise.withResolvers();
    await sleep(waitMs, undefined, { signal: closing.signal });
  };
  void (async () => {
    while (!closing.signal.aborted) await live();
  })().catch(ignore);
  return {
    ready: () => answer.promise,
    async close() {
      closing.abort();
      answer.resolve("the server is ending");
      await child?.stop(NO_PATIENCE);
    },
  };
}

/**
 * Resolves when nobody listens on the server's port: what listens before the server does is not the server, and is
 * sent nothing. `onTaken` is told when that takes longer than a former process of the server takes to end.
 */
async function untilFree(
  { port, isListenedOn }: KeeperOptions,
  signal: AbortSignal,
  onTaken: (reason: string) => void,
): Promise<void> {
  const taken = `another program listens on port ${port}, which is to be the server's`;
  const timer = setTimeout(onTaken, ENDING_MS, taken);
  try {
    while (isListenedOn(port)) await sleep(LOOK_AGAIN_MS, undefined, { signal });
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when somebody listens; `onLate` is told when that takes too long. Rejects when it is called off. */
async function untilListening(
  { port, startTimeoutMs, isListenedOn }: KeeperOptions,
  signal: AbortSignal,
  onLate: () => void,
): Promise<void> {
  const late = setTimeout(onLate, startTimeoutMs);
  try {
    while (!isListenedOn(port)) await sleep(LOOK_AGAIN_MS, undefined, { signal });
  } finally {
    clearTimeout(late);
  }
}

function silence({ port, startTimeoutMs, portsOf }: KeeperOptions, pid: number): string {
  const ports = portsOf?.(pid) ?? [];
  const others = ports.length === 0 ? "" : `, but on ${ports.join(" and ")}`;
  return `the server does not listen on port ${port} after ${startTimeoutMs / 1000} s${others}: TARGET_PORT is to be its port, or SERVER_TRANSPORT stdio`;
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

function ignore(): void {}
