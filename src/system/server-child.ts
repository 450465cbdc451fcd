// A program that is talked to in lines over its stdin and stdout, for as long as it runs. Knows nothing of what the
// lines say.

import type { ServerEnd, ServerProcess, StartOptions } from "../gateway/server-process.ts";
import { onExit } from "./cleanup.ts";
import { readLines } from "./lines.ts";
import { openPipe, type Descriptor } from "./pipe.ts";
import { sendSignal } from "./send-signal.ts";

export interface ServerProgram {
  readonly argv: readonly string[];
  /** Its whole environment, but for what a single start adds. */
  readonly env: Readonly<Record<string, string>>;
  /** A line of its stdout with more bytes than this ends it. */
  readonly maxLineBytes: number;
  /** Takes a line of its stderr, which is cut where it is longer than `MAX_STDERR_BYTES`. */
  onStderr(unsafeLine: string): void;
}

/** Enough for a stack trace in one line. */
export const MAX_STDERR_BYTES = 8_192;

/** What a server is given to end by itself once its stdin has ended, and what a signal is given to have its effect. */
const CLOSING_MS = 2_000;
const TERMINATING_MS = 5_000;
/** What a process wrote before its end is read by then; what it has started may hold its stdout open for ever. */
const LAST_WORDS_MS = 500;

const running = new Set<number>();

/** Whether it is one that was started here and whose end has not been told yet. */
export function isServerChild(pid: number): boolean {
  return running.has(pid);
}

/** Starts it. Throws ENOENT or EACCES where there is no such program, SYSTEM_CALL_FAILED. */
export function startServerChild(program: ServerProgram, options: StartOptions): ServerProcess {
  const { child, stdin, stdout, stderr } = spawnWithPipes(program, options);
  running.add(child.pid);
  const onWayOut = onExit(() => sendSignal(-child.pid, "SIGKILL"));
  let unwantedReason: string | undefined;
  let wanted = false;

  const lastWords = new AbortController();
  const reading = [
    readLines(streamOf(stdout), {
      maxBytes: program.maxLineBytes,
      onLine: (line) => options.onLine(line),
      onOverflow() {
        unwantedReason = `wrote a line of more than ${program.maxLineBytes} bytes`;
        sendSignal(-child.pid, "SIGKILL");
      },
      signal: lastWords.signal,
    }),
    readLines(streamOf(stderr), {
      maxBytes: MAX_STDERR_BYTES,
      onLine: (line) => program.onStderr(line),
      signal: lastWords.signal,
    }),
  ];
  const sink = Bun.file(stdin.number).writer();
  const ended = child.exited.then(async (): Promise<ServerEnd> => {
    running.delete(child.pid);
    const timer = setTimeout(() => lastWords.abort(), LAST_WORDS_MS);
    await Promise.all(reading);
    clearTimeout(timer);
    // What it has started does not outlive it.
    onWayOut[Symbol.dispose]();
    for (const descriptor of [stdin, stdout, stderr]) descriptor[Symbol.dispose]();
    return { reason: unwantedReason ?? howItEnded(child), wanted };
  });

  const stop = async (patienceMs: number): Promise<ServerEnd> => {
    wanted = true;
    void endOf(sink).then(() => stdin[Symbol.dispose]());
    const escalation = [
      setTimeout(() => sendSignal(-child.pid, "SIGTERM"), patienceMs),
      setTimeout(() => sendSignal(-child.pid, "SIGKILL"), patienceMs + TERMINATING_MS),
    ];
    const end = await ended;
    for (const timer of escalation) clearTimeout(timer);
    return end;
  };
  let stopping: Promise<ServerEnd> | undefined;
  return {
    pid: child.pid,
    send: (line) => sendLine(sink, line),
    ended,
    stop: (patienceMs = CLOSING_MS) => (stopping ??= stop(patienceMs)),
  };
}

function spawnWithPipes({ argv, env }: ServerProgram, { environment }: StartOptions) {
  const [stdin, stdout, stderr] = [openPipe(), openPipe(), openPipe()];
  using _in = stdin.reader;
  using _out = stdout.writer;
  using _err = stderr.writer;
  try {
    const child = Bun.spawn([...argv], {
      env: { ...env, ...environment },
      cwd: "/",
      stdio: [stdin.reader.number, stdout.writer.number, stderr.writer.number],
      // A session of its own, so that what it starts can be ended with it.
      detached: true,
    });
    return { child, stdin: stdin.writer, stdout: stdout.reader, stderr: stderr.reader };
  } catch (error) {
    for (const end of [stdin.writer, stdout.reader, stderr.reader]) end[Symbol.dispose]();
    throw error;
  }
}

function streamOf(descriptor: Descriptor): ReadableStream<Uint8Array> {
  return Bun.file(descriptor.number).stream();
}

async function endOf(sink: Bun.FileSink): Promise<void> {
  try {
    await sink.end();
  } catch {
    // It has ended already.
  }
}

// Whether it could be taken is told by the end of the process, not by the pipe.
function sendLine(stdin: Bun.FileSink, line: string): void | Promise<void> {
  try {
    const written = stdin.write(`${line}\n`);
    if (written instanceof Promise) written.catch(ignore);
    const flushed = stdin.flush();
    if (flushed instanceof Promise) return flushed.then(ignore, ignore);
  } catch {
    // Its stdin has ended, and so will it.
  }
}

function ignore(): void {}

function howItEnded(child: Bun.Subprocess): string {
  return child.signalCode === null
    ? `exited with status ${child.exitCode ?? 0}`
    : `was ended by ${child.signalCode}`;
}
