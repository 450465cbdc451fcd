// Programs run as children: never through a shell, never with the runner's own environment, never left behind.

import { onExit } from "./cleanup.ts";
import { watchStall } from "./stall.ts";

export interface ChildOptions {
  /** The child's whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string | undefined;
  /** Milliseconds that a reader waits for a byte of output, after which the child is killed. */
  readonly stallMs: number;
}

export interface RunOptions extends ChildOptions {
  /** Output beyond this many bytes ends the child. */
  readonly maxBytes: number;
  /** Milliseconds after which the child is ended however busy it is; none when absent. */
  readonly timeoutMs?: number;
}

/** How a child ended; exactly one of `exitCode` and `signal` is set. */
export interface ChildEnd {
  readonly exitCode?: number;
  readonly signal?: string;
  /** The last 64 KiB of what it wrote to stderr: text from a program, to be printed with care. */
  readonly unsafeStderr: string;
  /** The runner ended it because it had been silent for `stallMs`, or was not done after `timeoutMs`. */
  readonly stalled: boolean;
}

export interface RunResult extends ChildEnd {
  readonly stdout: Uint8Array;
  /** There was more output than `maxBytes`. */
  readonly overflowed: boolean;
}

export interface RunningChild {
  readonly stdout: ReadableStream<Uint8Array>;
  readonly ended: Promise<ChildEnd>;
  /** Kills the child and whatever it started. */
  kill(): void;
}

const MAX_STDERR_CHARACTERS = 65_536;

/** Starts a program whose output is read as it comes. Throws ENOENT when there is no such program. */
export function startChild(argv: readonly string[], options: ChildOptions): RunningChild {
  const child = Bun.spawn([...argv], {
    env: { ...options.env },
    cwd: "/",
    stdin: options.stdin === undefined ? "ignore" : new Blob([options.stdin]),
    stdout: "pipe",
    stderr: "pipe",
    // A session of its own, so that what the child starts can be ended with it.
    detached: true,
  });
  const kill = () => killGroup(child.pid);
  const ending = onExit(kill);
  let stalled = false;
  const onStall = () => {
    stalled = true;
    kill();
  };
  let hasEnded = false;
  let timer: Timer | undefined;
  // A child may close its output and stay.
  const onEnd = () => {
    if (!hasEnded) timer = setTimeout(onStall, options.stallMs);
  };
  const stdout = watchStall(child.stdout, { stallMs: options.stallMs, onStall, onEnd });
  const ended = Promise.all([child.exited, tailOf(child.stderr)]).then(([, unsafeStderr]) => {
    hasEnded = true;
    clearTimeout(timer);
    ending[Symbol.dispose]();
    return { ...outcomeOf(child), unsafeStderr, stalled };
  });
  return { stdout, ended, kill };
}

/** Runs a program to its end and returns what it wrote. Throws ENOENT when there is no such program. */
export async function runChild(argv: readonly string[], options: RunOptions): Promise<RunResult> {
  const child = startChild(argv, options);
  using deadline = deadlineFor(child, options.timeoutMs);
  const chunks: Uint8Array[] = [];
  let size = 0;
  let overflowed = false;
  for await (const chunk of child.stdout) {
    size += chunk.byteLength;
    overflowed = size > options.maxBytes;
    if (overflowed) {
      child.kill();
      break;
    }
    chunks.push(chunk);
  }
  const end = await child.ended;
  const stalled = end.stalled || deadline.hasPassed();
  return { ...end, stalled, stdout: Buffer.concat(chunks), overflowed };
}

function deadlineFor(
  child: RunningChild,
  timeoutMs: number | undefined,
): Disposable & { hasPassed(): boolean } {
  let passed = false;
  const pass = () => {
    passed = true;
    child.kill();
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(pass, timeoutMs);
  return { hasPassed: () => passed, [Symbol.dispose]: () => clearTimeout(timer) };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

function outcomeOf(child: Bun.Subprocess): { exitCode: number } | { signal: string } {
  return child.signalCode === null
    ? { exitCode: child.exitCode ?? 0 }
    : { signal: String(child.signalCode) };
}

async function tailOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text = (text + decoder.decode(chunk, { stream: true })).slice(-MAX_STDERR_CHARACTERS);
  }
  return text;
}
