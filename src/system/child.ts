// Programs run as children: never through a shell, never with the runner's own environment, never left behind.

import { onExit } from "./cleanup.ts";
import { sendSignal } from "./send-signal.ts";
import { watchStall } from "./stall.ts";

export interface ChildOptions {
  /** The child's whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string | undefined;
  /** Milliseconds that a reader waits for a byte of output, after which the child is killed. */
  readonly stallMs: number;
  /** Kills it; what that means is for whoever sends the signal to say. */
  readonly signal?: AbortSignal | undefined;
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
/** What a child wrote before its end is read by then. */
const GRACE_MS = 500;

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
  // Whatever it has started in a session of its own lives on, and may keep its output open for ever.
  const lastOfStdout = new AbortController();
  const lastOfStderr = new AbortController();
  const endSoon = (last: AbortController) =>
    child.exited.then(() => setTimeout(() => last.abort(), GRACE_MS));
  const kill = () => {
    sendSignal(-child.pid, "SIGKILL");
    void endSoon(lastOfStdout);
  };
  const ending = onExit(() => sendSignal(-child.pid, "SIGKILL"));
  const { signal } = options;
  signal?.addEventListener("abort", kill);
  if (signal?.aborted) kill();
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
  const source = endedBy(lastOfStdout.signal, child.stdout);
  const stdout = watchStall(source, { stallMs: options.stallMs, onStall, onEnd });
  const tail = tailOf(endedBy(lastOfStderr.signal, child.stderr));
  const grace = endSoon(lastOfStderr);
  const ended = Promise.all([grace, tail]).then(([graceTimer, unsafeStderr]) => {
    hasEnded = true;
    clearTimeout(graceTimer);
    clearTimeout(timer);
    signal?.removeEventListener("abort", kill);
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

function outcomeOf(child: Bun.Subprocess): { exitCode: number } | { signal: string } {
  return child.signalCode === null
    ? { exitCode: child.exitCode ?? 0 }
    : { signal: String(child.signalCode) };
}

/** The same bytes, which end with the signal if they have not done so before. */
function endedBy(
  signal: AbortSignal,
  source: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  signal.addEventListener("abort", () => void reader.cancel().catch(() => {}), { once: true });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

async function tailOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text = (text + decoder.decode(chunk, { stream: true })).slice(-MAX_STDERR_CHARACTERS);
  }
  return text;
}
