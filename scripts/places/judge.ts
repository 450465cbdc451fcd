// Whether a start in a place did what its mode promises, from what it wrote. Starts nothing.

import type { Evidence } from "../../test/support/sample-images/evidence.ts";
import type { SampleImage } from "../../test/support/sample-images/sample-image.ts";
import type { Cell } from "./results.ts";

/** What a start wrote, parsed. */
export interface Start {
  readonly start: string;
  readonly exit: number;
  readonly lines: readonly Line[];
}

/** A line of the log, of the server, or one that should not be there. */
type Line = Readonly<Record<string, unknown>>;

/** Takes apart what starts.sh writes. */
export function parseStarts(text: string): readonly Start[] {
  const starts: Start[] = [];
  let lines: Line[] = [];
  let start = "";
  for (const line of text.split("\n").filter((one) => one.trim() !== "")) {
    const parsed = parseLine(line);
    if (typeof parsed["start"] === "string") {
      start = parsed["start"];
      lines = [];
    } else if (typeof parsed["exit"] === "number") {
      starts.push({ start, exit: parsed["exit"], lines });
    } else {
      lines.push(parsed);
    }
  }
  return starts;
}

function parseLine(line: string): Line {
  try {
    return JSON.parse(line) as Line; // written by the runner, a sample or starts.sh
  } catch {
    return { stray: line };
  }
}

export interface Expectation {
  readonly sample: SampleImage;
  /** The server's user. */
  readonly uid: number;
}

/** The cell for a start. */
export function judge({ exit, lines }: Start, expectation: Expectation): Cell {
  const failure = lines.find(({ code }) => typeof code === "string");
  const evidence = lines.find(({ interpreter }) => typeof interpreter === "string");
  const stray = lines.find((line) => !("level" in line) && line !== evidence);
  if (stray !== undefined) return { fault: `it wrote ${JSON.stringify(stray)}` };
  if (failure !== undefined && evidence === undefined) {
    const code = String(failure["code"]);
    const why = withoutRun(String(failure["message"]));
    return code === "INTERNAL" ? { fault: why } : { code, why };
  }
  if (evidence === undefined || exit !== 0) return { fault: `it ended with ${exit}` };
  const mode = chosenMode(lines);
  // It has an interpreter, so it is what a sample wrote.
  const problem = problemOf(evidence as unknown as Evidence, { ...expectation, mode });
  return problem === undefined ? { mode } : { fault: `in mode ${mode} ${problem}` };
}

function chosenMode(lines: readonly Line[]): string {
  const messages = lines.map(({ message }) => String(message));
  const [mode] = messages.flatMap((message) => /^run mode (\w+): /.exec(message)?.[1] ?? []);
  return mode ?? "unknown";
}

function problemOf(
  evidence: Evidence,
  { sample, uid, mode }: Expectation & { readonly mode: string },
): string | undefined {
  const hasOwnRoot = ["chroot", "userns", "proot"].includes(mode);
  const { interpreter, home } = evidence;
  if (evidence.uid !== uid) return `the server is user ${evidence.uid}, not ${uid}`;
  if (evidence.seesMachine === hasOwnRoot) {
    return hasOwnRoot ? "it sees this machine's files" : "it does not see this machine's files";
  }
  // Where nothing can be mounted there is no /proc, by which Node knows these two.
  const hasNoProc = evidence.noNewPrivileges === null && mode === "chroot";
  if (!hasNoProc && !isExpected(interpreter, sample.interpreter, mode)) {
    return `it runs as ${interpreter}`;
  }
  if (hasOwnRoot && sample.home !== undefined && home !== sample.home) return `HOME is ${home}`;
  if (!evidence.homeWritable) return `it cannot write to HOME, ${home}`;
  if (!evidence.tmpWritable) return "it cannot write to /tmp";
  return evidence.noNewPrivileges === true || hasNoProc ? undefined : "no_new_privs is not set";
}

// In loader mode a program goes by its place on this machine, or by that of the loader that starts it.
function isExpected(interpreter: string, expected: string, mode: string): boolean {
  if (mode !== "loader") return interpreter === expected;
  return (
    /\/run-[^/]+\/rootfs\//.test(interpreter) &&
    (interpreter.endsWith(`/rootfs${expected}`) || /\/ld-[^/]+$/.test(interpreter))
  );
}

/** The sentence of every run: a run's directory has a name of its own, and bubblewrap's versions have other words. */
function withoutRun(message: string): string {
  return message
    .replaceAll(/\/[^\s:]*?\/(run|proot-trial)-[^/\s:]+/g, "WORK_DIR/$1-…")
    .replaceAll(
      /No permissions to creat\w+ (?:a )?new namespace/g,
      "No permissions to create new namespace",
    );
}
