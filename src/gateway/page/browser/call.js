// The least of an MCP client: one call, in a session of its own where the server has sessions, and nothing that the
// server asks is answered.
// https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http

const REVISION = "2025-11-25";
/** The first in which there are no sessions. */
const MODERN_REVISION = "2026-07-28";
const VERSION_UNSUPPORTED = -32022;
const CLIENT = { name: "fastmcp-runner-page", version: "1" };

/** The token of this server, which is kept nowhere else. */
let token = "";

export function useToken(text) {
  token = text;
}

export function authorization() {
  return token === "" ? {} : { authorization: `Bearer ${token}` };
}

/** Calls the tool with arguments that are JSON already, and returns its result. */
export async function callTool(call) {
  try {
    return await callInSession(call);
  } catch (error) {
    if (error.code !== VERSION_UNSUPPORTED) throw error;
    return await callAlone(call);
  }
}

async function callInSession({ endpoint, name, argumentsJson, signal }) {
  const session = openSession(endpoint, signal);
  try {
    const greeting = { protocolVersion: REVISION, capabilities: {}, clientInfo: CLIENT };
    const { protocolVersion } = await session.ask(1, "initialize", JSON.stringify(greeting));
    session.headers["mcp-protocol-version"] = protocolVersion;
    await session.post('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    const params = `{"name":${JSON.stringify(name)},"arguments":${argumentsJson}}`;
    return await session.ask(2, "tools/call", params);
  } finally {
    await session.close();
  }
}

// https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http
async function callAlone({ endpoint, name, argumentsJson, signal }) {
  const { ask, headers } = openSession(endpoint, signal);
  headers["mcp-protocol-version"] = MODERN_REVISION;
  headers["mcp-method"] = "tools/call";
  headers["mcp-name"] = headerValue(name);
  const meta = JSON.stringify({
    "io.modelcontextprotocol/protocolVersion": MODERN_REVISION,
    "io.modelcontextprotocol/clientInfo": CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
  });
  const params = `{"name":${JSON.stringify(name)},"arguments":${argumentsJson},"_meta":${meta}}`;
  return await ask(1, "tools/call", params);
}

function headerValue(text) {
  if (/^[!-~](?:[ -~]*[!-~])?$/.test(text) && !text.startsWith("=?")) return text;
  const bytes = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte));
  return `=?base64?${btoa(bytes.join(""))}?=`;
}

function openSession(endpoint, signal) {
  const headers = {
    ...authorization(),
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  const post = (body) => fetch(endpoint, { method: "POST", headers, body, signal });
  return {
    headers,
    post,
    async ask(id, method, params) {
      const response = await post(
        `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`,
      );
      const session = response.headers.get("mcp-session-id");
      if (session !== null) headers["mcp-session-id"] = session;
      return await resultIn(response, id);
    },
    async close() {
      if (!("mcp-session-id" in headers)) return;
      await fetch(endpoint, { method: "DELETE", headers, keepalive: true }).catch(() => {});
    },
  };
}

async function resultIn(response, id) {
  for await (const message of messagesIn(response)) {
    if (message.error && (message.id === id || message.id === null)) {
      const { code, message: text } = message.error;
      const why = typeof text === "string" ? text : JSON.stringify(message.error);
      throw Object.assign(new Error(why), { code });
    }
    if (message.id === id && message.result) return message.result;
  }
  throw new Error(`the server gave no answer (status ${response.status})`);
}

async function* messagesIn(response) {
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  if (!isStream) {
    yield jsonIn(await response.text());
    return;
  }
  let rest = "";
  for await (const text of chunksOf(response.body.pipeThrough(new TextDecoderStream()))) {
    const events = (rest + text.replaceAll("\r", "")).split("\n\n");
    rest = events.pop();
    yield* events.map(dataOf).filter(Boolean).map(jsonIn);
  }
}

// Not every browser can iterate over a stream.
async function* chunksOf(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel();
  }
}

function dataOf(event) {
  const lines = event.split("\n").filter((line) => line.startsWith("data:"));
  return lines
    .map((line) => line.slice("data:".length))
    .join("\n")
    .trim();
}

function jsonIn(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
