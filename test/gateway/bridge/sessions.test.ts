// The wire of the 2025 revisions: each status that a request can get before any server hears of it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isAlive, until } from "../support/conditions.ts";
import { type ScriptedBridge, scriptedBridge } from "../support/scripted-bridge.ts";
import {
  initializeMessage,
  openWireSession,
  POST_HEADERS,
  postTo,
  type WireSession,
} from "../support/wire-client.ts";

const ECHO = { jsonrpc: "2.0", id: 1, method: "echo", params: { a: 1 } };

let bridge: ScriptedBridge;
let session: WireSession;
beforeAll(async () => {
  bridge = scriptedBridge({ limits: { maxBodyBytes: 10_000 } });
  session = await openWireSession(bridge.url);
});
afterAll(() => bridge[Symbol.asyncDispose]());

interface Refusal {
  readonly title: string;
  readonly method?: string;
  readonly headers?: Record<string, string | undefined>;
  readonly body?: string | ReadableStream<Uint8Array>;
  readonly status: number;
  /** Of the JSON-RPC error. */
  readonly code: number;
  readonly id?: unknown;
}

const REFUSALS: readonly Refusal[] = [
  { title: "an empty Accept", headers: { accept: "" }, status: 406, code: -32000 },
  {
    title: "an Accept without streams",
    headers: { accept: "application/json" },
    status: 406,
    code: -32000,
  },
  {
    title: "an Accept without JSON",
    headers: { accept: "text/event-stream" },
    status: 406,
    code: -32000,
  },
  {
    title: "an Accept that refuses streams",
    headers: { accept: "application/json, text/event-stream;q=0" },
    status: 406,
    code: -32000,
  },
  { title: "no Content-Type", headers: { "content-type": "" }, status: 415, code: -32000 },
  {
    title: "another Content-Type",
    headers: { "content-type": "text/plain" },
    status: 415,
    code: -32000,
  },
  { title: "a body over the limit", body: " ".repeat(10_001), status: 413, code: -32000 },
  {
    title: "a body over the limit that does not say its length",
    body: chunked(" ".repeat(10_001)),
    status: 413,
    code: -32000,
  },
  { title: "a body that is not JSON", body: "{", status: 400, code: -32700 },
  { title: "an empty body", body: "", status: 400, code: -32700 },
  { title: "a body that is not UTF-8", body: invalidUtf8(), status: 400, code: -32700 },
  { title: "JSON that is no object", body: "7", status: 400, code: -32600 },
  {
    title: "another version of JSON-RPC",
    body: '{"id":7,"method":"x"}',
    status: 400,
    code: -32600,
    id: 7,
  },
  {
    title: "a request whose id is null",
    body: '{"jsonrpc":"2.0","id":null,"method":"x"}',
    status: 400,
    code: -32600,
  },
  {
    title: "an answer with neither result nor error",
    body: '{"jsonrpc":"2.0","id":7}',
    status: 400,
    code: -32600,
    id: 7,
  },
  {
    title: "a batch, since 2025-06-18",
    body: `[${JSON.stringify(ECHO)}]`,
    status: 400,
    code: -32600,
  },
  {
    title: "a second initialize",
    body: JSON.stringify(initializeMessage()),
    status: 400,
    code: -32600,
    id: "initialize",
  },
  { title: "no session's id", headers: { "mcp-session-id": undefined }, status: 400, code: -32000 },
  {
    title: "an unknown session's id",
    headers: { "mcp-session-id": "00000000-0000-4000-8000-000000000000" },
    status: 404,
    code: -32001,
  },
  {
    title: "another principal's session",
    headers: { "x-principal": "somebody-else" },
    status: 404,
    code: -32001,
  },
  {
    title: "an unknown revision",
    headers: { "mcp-protocol-version": "1999-01-01" },
    status: 400,
    code: -32000,
  },
  { title: "another method", method: "PUT", status: 405, code: -32000 },
  {
    title: "a GET without streams",
    method: "GET",
    headers: { accept: "application/json" },
    status: 406,
    code: -32000,
  },
  {
    title: "a GET without a session's id",
    method: "GET",
    headers: { "mcp-session-id": undefined },
    status: 400,
    code: -32000,
  },
  {
    title: "a GET for another principal's session",
    method: "GET",
    headers: { "x-principal": "somebody-else" },
    status: 404,
    code: -32001,
  },
  {
    title: "a Last-Event-ID that is none of ours",
    method: "GET",
    headers: { "last-event-id": "abc" },
    status: 400,
    code: -32000,
  },
  {
    title: "a Last-Event-ID of an unknown stream",
    method: "GET",
    headers: { "last-event-id": "99-1" },
    status: 400,
    code: -32000,
  },
  {
    title: "a Last-Event-ID that has not been given yet",
    method: "GET",
    headers: { "last-event-id": "0-1" },
    status: 400,
    code: -32000,
  },
  {
    title: "a DELETE without a session's id",
    method: "DELETE",
    headers: { "mcp-session-id": undefined },
    status: 400,
    code: -32000,
  },
  {
    title: "a DELETE of an unknown session",
    method: "DELETE",
    headers: { "mcp-session-id": "x" },
    status: 404,
    code: -32001,
  },
  {
    title: "a DELETE of another principal's session",
    method: "DELETE",
    headers: { "x-principal": "somebody-else" },
    status: 404,
    code: -32001,
  },
];

describe("a request is refused that has", () => {
  test.each(REFUSALS)("$title: $status", async (row) => {
    const response = await send(row);
    expect(await response.json()).toEqual({
      jsonrpc: "2.0",
      id: row.id ?? null,
      error: { code: row.code, message: expect.stringMatching(/^[A-Z].*\.$/) },
    });
    expect(response.status).toBe(row.status);
    expect(response.headers.get("content-type")).toBe("application/json");
  });
});

describe("a request is taken that has", () => {
  test.each([
    { title: "both types in Accept", headers: {} },
    { title: "ranges in Accept", headers: { accept: "text/*, */*;q=0.1" } },
    {
      title: "parameters in Content-Type",
      headers: { "content-type": "Application/JSON; charset=utf-8" },
    },
    { title: "no revision", headers: { "mcp-protocol-version": undefined } },
    { title: "an older revision", headers: { "mcp-protocol-version": "2025-06-18" } },
    {
      title: "a body without its length",
      headers: {},
      body: chunked(JSON.stringify(ECHO)),
    },
  ])("$title", async (row) => {
    const response = await send(row);
    expect(await response.json()).toEqual({ jsonrpc: "2.0", id: 1, result: { a: 1 } });
    expect(response.status).toBe(200);
  });

  test("initialize, with the session's id in visible ASCII", async () => {
    const response = await postTo(bridge.url, initializeMessage());
    expect(response.headers.get("mcp-session-id")).toMatch(/^[\x21-\x7e]{32,}$/);
    expect(await response.json()).toMatchObject({ id: "initialize", result: {} });
  });

  test("a notification or an answer: 202 without a body", async () => {
    for (const message of [
      { jsonrpc: "2.0", method: "notifications/initialized" },
      { jsonrpc: "2.0", id: 5, result: {} },
      { jsonrpc: "2.0", id: null, error: { code: 1, message: "x" } },
    ]) {
      const response = await session.post(message);
      expect([response.status, await response.text()]).toEqual([202, ""]);
    }
  });
});

test("a session that its client has ended is unknown, and its process ends", async () => {
  const own = await openWireSession(bridge.url);
  const { result } = await own.call(1, "pid");
  expect((await own.delete()).status).toBe(200);
  expect((await own.post(ECHO)).status).toBe(404);
  expect((await own.listen()).status).toBe(404);
  expect((await own.delete()).status).toBe(404);
  await until(() => !isAlive(result.pid));
});

test("messages pass as they were written, but for the ends of their lines", async () => {
  const own = await openWireSession(bridge.url);
  const answer =
    '{ "jsonrpc":"2.0","id":"s","result":{"n":12345678901234567891,"x":1.0,"é":"\\u00e9"} }';
  const lines = JSON.stringify([answer]);
  const say = `{"jsonrpc": "2.0",\r\n "new": 1e400, "id":"s",\n"method":"say","params":{"answers":false,"lines":${lines}}}`;
  expect(await (await own.post(say)).text()).toBe(answer);
  const { result } = await own.call(1, "received");
  expect(result.received[1]).toBe(say.replaceAll(/[\r\n]+/g, " "));
});

function send(row: Pick<Refusal, "method" | "headers" | "body">): Promise<Response> {
  const { method = "POST", headers = {}, body = JSON.stringify(ECHO) } = row;
  const all = {
    ...POST_HEADERS,
    "mcp-session-id": session.id,
    "mcp-protocol-version": "2025-11-25",
    ...(method === "GET" && { accept: "text/event-stream" }),
    ...headers,
  };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  return fetch(bridge.url, {
    method,
    headers: Object.fromEntries(given) as Record<string, string>,
    ...((method === "POST" || method === "PUT") && { body }),
  });
}

/** A body that comes in two pieces, of which nobody has said how long they are. */
function chunked(text: string): ReadableStream<Uint8Array> {
  const pieces = [text.slice(0, 20), text.slice(20)].map((piece) => Buffer.from(piece));
  return new ReadableStream({
    async pull(controller) {
      const piece = pieces.shift();
      // A body that is complete at once would be sent with its length.
      await Bun.sleep(1);
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
  });
}

function invalidUtf8(): ReadableStream<Uint8Array> {
  return new Blob([new Uint8Array([0x22, 0xff, 0x22])]).stream();
}
