// Which era a request is of, and what a client hears that is of another era than the server.

import { describe, expect, test } from "bun:test";
import { isAlive } from "../support/conditions.ts";
import { type ScriptedBridge, scriptedBridge } from "../support/scripted-bridge.ts";
import { initializeMessage, openWireSession, postTo } from "../support/wire-client.ts";

const MODERN = "2026-07-28";
const LEGACY_ONLY = { modern: [], legacy: ["2025-06-18"] };
const MODERN_ONLY = { modern: [MODERN], legacy: [] };

const DISCOVER = {
  jsonrpc: "2.0",
  id: 1,
  method: "server/discover",
  params: {
    _meta: {
      "io.modelcontextprotocol/protocolVersion": MODERN,
      "io.modelcontextprotocol/clientCapabilities": {},
    },
  },
};

describe("before a server that has sessions only", () => {
  test.each([
    { title: "by header and body", message: DISCOVER, headers: { "mcp-protocol-version": MODERN } },
    { title: "by its body", message: DISCOVER, headers: {} },
    {
      title: "by its header",
      message: { jsonrpc: "2.0", id: 1, method: "tools/list" },
      headers: { "mcp-protocol-version": MODERN },
    },
    {
      title: "in a session, which is nothing there,",
      message: DISCOVER,
      headers: { "mcp-protocol-version": MODERN, "mcp-session-id": "x" },
    },
  ])("a request of 2026-07-28 $title is told which revisions there are", async (row) => {
    await using bridge = scriptedBridge({ eras: LEGACY_ONLY });
    const response = await postTo(bridge.url, row.message, row.headers);
    expect(await response.json()).toMatchObject({
      id: 1,
      error: { code: -32022, data: { supported: ["2025-06-18"], requested: MODERN } },
    });
    expect(response.status).toBe(400);
    expect(bridge.events.some(({ type }) => type === "session-opened")).toBe(false);
  });

  test("nothing else changes", async () => {
    await using bridge = scriptedBridge({ eras: LEGACY_ONLY });
    const session = await openWireSession(bridge.url);
    expect((await session.call(1, "echo", { a: 1 })).result).toEqual({ a: 1 });
    const noSession = await postTo(bridge.url, { jsonrpc: "2.0", id: 1, method: "tools/list" });
    expect([noSession.status, await noSession.json()]).toMatchObject([
      400,
      { error: { code: -32000 } },
    ]);
    const get = await fetch(bridge.url, {
      headers: { accept: "text/event-stream", "mcp-protocol-version": MODERN },
    });
    expect(get.status).toBe(400);
  });
});

describe("before a server that has no sessions", () => {
  test("initialize is told which revisions there are, and no process is started", async () => {
    await using bridge = scriptedBridge({ eras: MODERN_ONLY });
    const response = await postTo(bridge.url, initializeMessage());
    expect(await response.json()).toMatchObject({
      id: "initialize",
      error: { code: -32022, data: { supported: [MODERN], requested: "2025-11-25" } },
    });
    expect(response.status).toBe(400);
    expect(bridge.events).toEqual([]);
  });

  test.each(["GET", "DELETE"])("%s is not known", async (method) => {
    await using bridge = scriptedBridge({ eras: MODERN_ONLY });
    const response = await fetch(bridge.url, { method, headers: { "mcp-session-id": "x" } });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
  });
});

test("what comes before the server has been asked waits, and gets its answer", async () => {
  await using bridge = scriptedBridge({ eras: "ask" });
  const [session, modern] = await Promise.all([
    openWireSession(bridge.url),
    postTo(bridge.url, DISCOVER, { "mcp-protocol-version": MODERN }),
  ]);
  expect((await session.call(1, "echo", { a: 1 })).result).toEqual({ a: 1 });
  expect(modern.status).toBe(400);
});

test("a bridge that is closed before the server has answered leaves no process", async () => {
  await using bridge = scriptedBridge({ eras: "ask", initialize: "silent" });
  const waiting = postTo(bridge.url, initializeMessage());
  await bridge.endpoint.close(60_000);
  expect((await waiting).status).toBe(503);
  const pids = started(bridge);
  expect(pids.length).toBeGreaterThan(0);
  expect(pids.filter(isAlive)).toEqual([]);
}, 10_000);

test("a server that cannot be started is told about at each session", async () => {
  await using bridge = scriptedBridge({ eras: "ask", argv: ["/no/such/program"] });
  for (const _ of [1, 2]) {
    expect((await postTo(bridge.url, initializeMessage())).status).toBe(503);
  }
  expect(bridge.events.map(({ type }) => type)).toEqual(Array(3).fill("start-failed"));
});

function started(bridge: ScriptedBridge): readonly number[] {
  return bridge.events.flatMap((event) => (event.type === "child-started" ? [event.pid] : []));
}
