// A program that keeps the runner as its parent: stdio shared, signals passed on, its end told as an exit status.

import { constants } from "node:os";
import { isIgnored, signalOnParentEnd } from "./process-state.ts";
import { sendSignal } from "./send-signal.ts";
import { isTerminal } from "./terminal.ts";

const STDIN = 0;
const STATUS_DESCRIPTOR = 3;

// Everything that somebody outside sends on purpose. SIGCHLD is the runner's own business, and SIGTSTP and its kin
// belong to the terminal, which stops the whole process group by itself.
const FORWARDED = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
  "SIGWINCH",
] as const;
// What a terminal sends to every process of its foreground group: passing it on would deliver it twice.
const FROM_TERMINAL: readonly string[] = ["SIGINT", "SIGQUIT", "SIGWINCH"];

export interface SupervisedProgram {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /**
   * Finds the process that signals are for in what the program writes to descriptor 3, once that text is complete
   * enough; before, signals wait.
   */
  readonly findTarget: (statusText: string) => number | undefined;
  /** The parent that all of this process's group ends with; the group is then for nobody else. */
  readonly endsWith?: number | undefined;
  /**
   * Where the program's own end says nothing: finds the exit status to end with in the same text, upon which the
   * program gets a signal to end as well.
   */
  readonly end?: {
    readonly find: (statusText: string) => number | undefined;
    readonly signal: NodeJS.Signals;
  };
}

/**
 * The signals among those that are passed on which whoever started the runner had it ignore, as nohup does with SIGHUP.
 * A child of Bun's does not inherit that. To be asked before `supervise`.
 */
export function ignoredSignals(): readonly number[] {
  return FORWARDED.map((name) => constants.signals[name]).filter(isIgnored);
}

/**
 * Runs a program to its end in the runner's place and returns the exit status to end with: its own, or 128+n.
 * Takes over the listeners of the signals it forwards, which are not those that it was started to ignore.
 */
export async function supervise(program: SupervisedProgram): Promise<number> {
  let target: number | undefined;
  const waiting: NodeJS.Signals[] = [];
  const send = (signal: NodeJS.Signals) => {
    if (target === undefined) waiting.push(signal);
    else sendSignal(target, signal);
  };
  forwardSignals(send);
  if (program.endsWith !== undefined) listenForParentEnd(() => end(child, program.end?.signal));
  const child = Bun.spawn([...program.argv], {
    env: { ...program.env },
    cwd: "/",
    stdio: ["inherit", "inherit", "inherit", "pipe"],
  });
  endGroupWithout(program.endsWith);
  let status: number | undefined;
  const following = followStatus(child.stdio[STATUS_DESCRIPTOR], (text) => {
    target = program.findTarget(text);
    if (target === undefined) return;
    for (const signal of waiting.splice(0)) sendSignal(target, signal);
    status ??= program.end?.find(text);
    if (status !== undefined) end(child, program.end?.signal);
  });
  await child.exited;
  endGroupWithout(program.endsWith);
  if (program.end !== undefined) await following;
  if (status !== undefined) return status;
  if (child.signalCode === null) return child.exitCode ?? 1;
  return 128 + (constants.signals[child.signalCode as NodeJS.Signals] ?? 0);
}

function forwardSignals(send: (signal: NodeJS.Signals) => void): void {
  const onTerminal = isTerminal(STDIN);
  const ignored = ignoredSignals();
  for (const signal of FORWARDED) {
    if (ignored.includes(constants.signals[signal])) continue;
    process.removeAllListeners(signal);
    process.on(signal, () => {
      if (!(onTerminal && FROM_TERMINAL.includes(signal))) send(signal);
    });
  }
}

// A signal that nobody sends; until it is listened for, it ends this process.
const ON_PARENT_END = "SIGALRM";
const GROUP_PATIENCE_MS = 500;

// By the kernel's own means only this process would end: a tracer or a monitor that is just beginning has a half of its
// own that would wait for ever for the other one. (bubblewrap 0.8.0, PRoot 5.1)
function listenForParentEnd(endProgram: () => void): void {
  process.on(ON_PARENT_END, () => {
    endProgram();
    setTimeout(endGroup, GROUP_PATIENCE_MS);
  });
  signalOnParentEnd(constants.signals[ON_PARENT_END]);
}

function endGroupWithout(parent: number | undefined): void {
  if (parent !== undefined && process.ppid !== parent) endGroup();
}

function endGroup(): void {
  process.kill(0, "SIGKILL");
}

// What it has started may be in its way; the runner waits for it no longer than this.
const PATIENCE_MS = 2_000;

function end(child: Bun.Subprocess, signal: NodeJS.Signals | undefined): void {
  child.kill(signal);
  setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
}

async function followStatus(
  descriptor: number | null | undefined,
  tell: (text: string) => void,
): Promise<void> {
  if (typeof descriptor !== "number") return;
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of Bun.file(descriptor).stream()) {
    text += decoder.decode(chunk, { stream: true });
    tell(text);
  }
}
