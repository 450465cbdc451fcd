// Which revisions of MCP a server speaks, found out on processes that are ended afterwards: some old servers end by
// themselves at a request that comes before `initialize`, some never answer it.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio#backward-compatibility

import type { OnGatewayEvent } from "../events.ts";
import {
  type Envelope,
  isMembers,
  type Members,
  type NoEnvelope,
  parseEnvelope,
} from "../rpc/envelope.ts";
import { RPC_CODES } from "../rpc/failures.ts";
import type { ServerProcess, StartServer } from "../server-process.ts";
import { GATEWAY_INFO, isModernRevision, META, metaOf, modernRequest } from "./modern-terms.ts";
import { SESSION_REVISIONS } from "./revisions.ts";

export interface Eras {
  /** Revisions without sessions, in the server's order. */
  readonly modern: readonly string[];
  /** The revision that it chose in a handshake; it may speak older ones, of which nobody asks. */
  readonly legacy: readonly string[];
  /** What it says of itself, where it answered at all; unchecked, and for people to read. */
  readonly unsafeServerInfo?: Members;
  readonly unsafeCapabilities?: Members;
  readonly unsafeInstructions?: string;
  /** Where it speaks none: a clause that says why. */
  readonly problem?: string;
  /** How that showed: it ended by itself, said nothing in time, or something else. */
  readonly problemKind?: "ended" | "silent" | "answered";
}

export interface SpeaksOptions {
  readonly timeoutMs: number;
  /** Is told the lines that are no messages. */
  readonly onEvent?: OnGatewayEvent;
}

/**
 * Asks one process for `server/discover` and another for `initialize`, both at once: neither a server that is silent
 * to the one nor one that ends at the other makes the first client wait. Whichever is slower is given as long again
 * as the faster took, and never more than `timeoutMs`. Never rejects but for what `start` throws.
 */
export async function speaks(
  start: StartServer,
  { timeoutMs, onEvent = () => {} }: SpeaksOptions,
): Promise<Eras> {
  const startedAt = performance.now();
  const ask = (line: string, limitMs: number) => askOnce(start, line, { limitMs, onEvent });
  const discovery = ask(DISCOVER, timeoutMs);
  const handshake = ask(INITIALIZE, timeoutMs);
  const hurry = (slower: Question) => (answer: Answer) => {
    if (answer.kind !== "answered") return;
    slower.giveUpIn(Math.max(LEAST_PATIENCE_MS, performance.now() - startedAt));
  };
  void discovery.answer.then(hurry(handshake));
  void handshake.answer.then(hurry(discovery));
  const discovered = await discovery.answer;
  const greeted = await handshake.answer;
  if (greeted.kind !== "ended") return erasOf(discovered, greeted);
  // It may have ended because another of it was running: a lock, a port that both want.
  await Promise.all([discovery.stopped(), handshake.stopped()]);
  const rest = Math.max(LEAST_PATIENCE_MS, timeoutMs - (performance.now() - startedAt));
  return erasOf(discovered, await ask(INITIALIZE, rest).answer);
}

const ID = "fastmcp-runner";
const DISCOVER = modernRequest(ID, "server/discover").text;
const INITIALIZE = JSON.stringify({
  jsonrpc: "2.0",
  id: ID,
  method: "initialize",
  params: {
    protocolVersion: SESSION_REVISIONS[0],
    capabilities: {},
    clientInfo: GATEWAY_INFO,
  },
});

/** Two processes that start side by side differ by more than their answers do. */
const LEAST_PATIENCE_MS = 2_000;

type Answer =
  | { readonly kind: "answered"; readonly result: Members | undefined; readonly error: Members }
  | { readonly kind: "ended"; readonly reason: string }
  | { readonly kind: "silent" };

interface Question {
  readonly answer: Promise<Answer>;
  /** Takes silence for the answer from then on, unless it would earlier. */
  giveUpIn(ms: number): void;
  /** Resolves when the process is gone. */
  stopped(): Promise<unknown>;
}

/** Starts a process, asks it one thing, and ends it. */
function askOnce(
  start: StartServer,
  line: string,
  { limitMs, onEvent }: { readonly limitMs: number; readonly onEvent: OnGatewayEvent },
): Question {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const child: ServerProcess = start({
    onLine(unsafeLine) {
      const message = parseEnvelope(unsafeLine);
      const answer = readAnswer(unsafeLine, message);
      if (answer !== undefined) resolve(answer);
      else if (message.kind === "unparsable") {
        onEvent({ type: "line-dropped", pid: child.pid, unsafeLine });
      }
    },
  });
  const timers: ReturnType<typeof setTimeout>[] = [];
  const giveUpIn = (ms: number) => {
    timers.push(setTimeout(() => resolve({ kind: "silent" }), ms));
  };
  giveUpIn(limitMs);
  void child.ended.then(({ reason }) => resolve({ kind: "ended", reason }));
  void child.send(line);
  const answer = promise.finally(() => {
    for (const timer of timers) clearTimeout(timer);
    void child.stop();
  });
  return { answer, giveUpIn, stopped: () => child.stop() };
}

function readAnswer(unsafeLine: string, message: Envelope | NoEnvelope): Answer | undefined {
  if (message.kind !== "response" || message.id !== ID) return undefined;
  const { error } = JSON.parse(unsafeLine);
  const result = isMembers(message.result) ? message.result : undefined;
  return { kind: "answered", result, error: isMembers(error) ? error : {} };
}

function erasOf(discovered: Answer, greeted: Answer): Eras {
  const modern = modernIn(discovered);
  const legacy = legacyIn(greeted);
  const problem =
    modern.length + legacy.length > 0
      ? {}
      : { problem: `${problemOf(greeted)} to initialize`, problemKind: greeted.kind };
  // What it says to the newer question is the fuller account.
  const said = resultOf(modern.length > 0 ? discovered : greeted) ?? resultOf(greeted);
  return { modern, legacy, ...problem, ...accountIn(said) };
}

/** An error that names revisions is as good as a result: "the server is modern", says the specification. */
function modernIn(answer: Answer): readonly string[] {
  if (answer.kind !== "answered") return [];
  const { result, error } = answer;
  const data = error["code"] === RPC_CODES.VERSION_UNSUPPORTED ? error["data"] : undefined;
  const named = result?.["supportedVersions"] ?? (isMembers(data) ? data["supported"] : undefined);
  if (!Array.isArray(named)) return [];
  return named.filter((name) => typeof name === "string" && isModernRevision(name));
}

function legacyIn(answer: Answer): readonly string[] {
  const chosen = resultOf(answer)?.["protocolVersion"];
  return typeof chosen === "string" && !isModernRevision(chosen) ? [chosen] : [];
}

function resultOf(answer: Answer): Members | undefined {
  return answer.kind === "answered" ? answer.result : undefined;
}

function accountIn(result: Members | undefined): Partial<Eras> {
  if (result === undefined) return {};
  const { capabilities, instructions } = result;
  const info = metaOf({ _meta: result["_meta"] })?.[META.serverInfo] ?? result["serverInfo"];
  return {
    ...(isMembers(info) ? { unsafeServerInfo: info } : {}),
    ...(isMembers(capabilities) ? { unsafeCapabilities: capabilities } : {}),
    ...(typeof instructions === "string" ? { unsafeInstructions: instructions } : {}),
  };
}

function problemOf(answer: Answer): string {
  if (answer.kind === "ended") return `it ${answer.reason} instead of answering`;
  return answer.kind === "silent" ? "it gave no answer" : "it gave no useful answer";
}
