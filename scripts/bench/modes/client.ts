// The measuring side: an MCP client that costs so little that the server is what is measured. Connections stay open and
// have one request at a time; every answer is checked. Speaks only what the server of this bench answers.

import { ALL_BYTES } from "./image.ts";

/** A tool, what it is given, and what its answer must have in it. */
export interface Call {
  readonly tool: string;
  readonly input: Readonly<Record<string, string>>;
  readonly expected: string;
}

export const ECHO: Call = {
  tool: "echo",
  input: { message: "hello" },
  expected: '"text":"Echo: hello"',
};
export const READ_FILES: Call = {
  tool: "read-files",
  input: {},
  expected: `"text":"${ALL_BYTES} bytes"`,
};

export interface Connection extends Disposable {
  /** Makes the call. Throws when it is not answered as expected. */
  ask(call: Call): Promise<void>;
}

const PROTOCOL = "2025-06-18";
const ANSWER_MS = 30_000;

// Within a session no two may have the same.
let nextId = 1_000_000;

/** Begins a session, and returns how to open connections that use it. */
export async function openSession(port: number): Promise<() => Promise<Connection>> {
  const clientInfo = { name: "bench", version: "1.0.0" };
  const params = { protocolVersion: PROTOCOL, capabilities: {}, clientInfo };
  const response = await post(port, {}, { id: 0, method: "initialize", params });
  const session = response.headers.get("mcp-session-id");
  if (session === null) throw new Error(`the server began no session: ${await response.text()}`);
  await response.text();
  const headers = { "mcp-session-id": session, "mcp-protocol-version": PROTOCOL };
  await (await post(port, headers, { method: "notifications/initialized" })).text();
  return () => connect(port, headers);
}

/** How many calls a second are answered when each connection makes one after another for that long. */
export async function callsPerSecond(
  connections: readonly Connection[],
  call: Call,
  seconds: number,
): Promise<number> {
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;
  let answered = 0;
  await Promise.all(
    connections.map(async (connection) => {
      while (elapsed() < seconds) {
        await connection.ask(call);
        answered += 1;
      }
    }),
  );
  return answered / elapsed();
}

function post(port: number, headers: Record<string, string>, message: object): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/mcp`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: "2.0", ...message }),
    signal: AbortSignal.timeout(ANSWER_MS),
  });
}

interface Waiting {
  resolve(response: string): void;
  reject(error: Error): void;
}

async function connect(port: number, headers: Record<string, string>): Promise<Connection> {
  let response = "";
  let waiting: Waiting | undefined;
  const fail = (why: string) => waiting?.reject(new Error(`${why}: ${response.slice(0, 500)}`));
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_, bytes) {
        response += bytes.toString("latin1");
        if (isWhole(response)) waiting?.resolve(response);
      },
      close: () => fail("the server closed the connection"),
      timeout: () => fail(`no answer within ${ANSWER_MS / 1000} s`),
    },
  });
  socket.timeout(ANSWER_MS / 1000);
  const head = headOf(port, headers);
  return {
    async ask(call) {
      response = "";
      const body = bodyOf(call, (nextId += 1));
      const answer = new Promise<string>((resolve, reject) => (waiting = { resolve, reject }));
      socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`);
      const text = await answer;
      if (!text.includes(call.expected)) throw new Error(`not an answer: ${text.slice(0, 500)}`);
    },
    [Symbol.dispose]: () => {
      waiting = undefined;
      socket.end();
    },
  };
}

function headOf(port: number, headers: Record<string, string>): string {
  const lines = [
    "POST /mcp HTTP/1.1",
    `host: 127.0.0.1:${port}`,
    "content-type: application/json",
    "accept: application/json, text/event-stream",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return lines.map((line) => `${line}\r\n`).join("");
}

// Only ASCII, so that its length is that of its bytes.
function bodyOf({ tool, input }: Call, id: number): string {
  const params = { name: tool, arguments: input };
  return JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params });
}

// The server sends events, in chunks; only its errors have a length.
function isWhole(response: string): boolean {
  if (response.endsWith("\r\n0\r\n\r\n")) return true;
  const end = response.indexOf("\r\n\r\n");
  const [, length] = /^content-length: (\d+)/im.exec(response.slice(0, Math.max(end, 0))) ?? [];
  return length !== undefined && response.length >= end + 4 + Number(length);
}
