// Whether the server answers, asked as a client would ask it. Starts nothing and keeps no session.

import { printable } from "../errors.ts";

export interface HealthQuestion {
  readonly host: string;
  readonly port: number;
  readonly healthcheckPath: string;
  readonly mcpPath: string;
  readonly timeoutMs: number;
}

export interface HealthAnswer {
  readonly alive: boolean;
  /** One clause: what answered, or why nothing did. */
  readonly reason: string;
}

const MAX_ANSWER_CHARACTERS = 65_536;
const MAX_ACCOUNT_CHARACTERS = 500;

// A ping opens no session. A server that wants one first refuses it, but with a JSON-RPC error: it is alive.
const PING = JSON.stringify({ jsonrpc: "2.0", id: "healthcheck", method: "ping" });

/** Asks the health path; where the server does not know it, any MCP answer at the MCP path counts as alive. */
export async function askHealth(question: HealthQuestion): Promise<HealthAnswer> {
  try {
    const { healthcheckPath, mcpPath } = question;
    const health = await request(question, healthcheckPath, { method: "GET" });
    if (health.ok) return { alive: true, reason: `${healthcheckPath} answered ${health.status}` };
    if (!UNKNOWN_PATH.has(health.status)) {
      const account = accountIn(await readStart(health));
      return { alive: false, reason: `${healthcheckPath} answered ${health.status}${account}` };
    }
    if (await speaksMcp(question)) return { alive: true, reason: `${mcpPath} speaks MCP` };
    const reason = `${healthcheckPath} answered ${health.status} and ${mcpPath} does not speak MCP`;
    return { alive: false, reason };
  } catch (error) {
    return { alive: false, reason: whyUnreachable(error, question) };
  }
}

// How far a start is, or what is wrong: as the runner's own health path tells it.
function accountIn(unsafeText: string): string {
  const account = parsed(unsafeText);
  const { status, stage, reason, message } = account;
  if (typeof status !== "string") return "";
  const details = [stage, reason, message].filter((part) => typeof part === "string");
  return `: ${printable([status, ...details].join(", ").slice(0, MAX_ACCOUNT_CHARACTERS))}`;
}

function parsed(unsafeText: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(unsafeText));
  } catch {
    return {};
  }
}

// Frameworks answer a path or a method that they do not know with one of these; some hide it behind authentication.
const UNKNOWN_PATH: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 406, 501]);

async function speaksMcp(question: HealthQuestion): Promise<boolean> {
  const posted = await request(question, question.mcpPath, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    body: PING,
  });
  if (isJsonRpc(await readStart(posted))) return true;
  // The older SSE transport has nothing to post to until its stream is open.
  const stream = await request(question, question.mcpPath, {
    method: "GET",
    headers: { accept: "text/event-stream" },
  });
  await stream.body?.cancel();
  return stream.ok && (stream.headers.get("content-type") ?? "").startsWith("text/event-stream");
}

function request(question: HealthQuestion, path: string, init: RequestInit): Promise<Response> {
  return fetch(`http://${addressOf(question.host)}:${question.port}${path}`, {
    ...init,
    redirect: "manual",
    signal: AbortSignal.timeout(question.timeoutMs),
    // The server is on this machine, whatever the proxy settings say.
    proxy: "",
  });
}

// A server that binds every address is asked on loopback.
function addressOf(host: string): string {
  if (host === "0.0.0.0" || host === "") return "127.0.0.1";
  if (host === "::" || host === "[::]") return "[::1]";
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

// An event stream may stay open for ever: what counts is in its first events.
async function readStart(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (isJsonRpc(text) || text.length > MAX_ANSWER_CHARACTERS) break;
  }
  return text;
}

function isJsonRpc(text: string): boolean {
  return /"jsonrpc"\s*:\s*"2\.0"/.test(text);
}

function whyUnreachable(error: unknown, { host, port, timeoutMs }: HealthQuestion): string {
  const timedOut = error instanceof Error && error.name === "TimeoutError";
  return timedOut
    ? `${addressOf(host)}:${port} did not answer within ${timeoutMs / 1000} s`
    : `nothing listens on ${addressOf(host)}:${port}`;
}
