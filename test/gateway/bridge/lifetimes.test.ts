// How many sessions there are and how long they live; what becomes of their processes and of those who wait.

import { describe, expect, test } from "bun:test";
import type { GatewayEvent } from "../../../src/gateway/events.ts";
import { isAlive, until } from "../support/conditions.ts";
import { type ScriptedBridge, scriptedBridge } from "../support/scripted-bridge.ts";
import {
  eventsOf,
  initializeMessage,
  messagesOf,
  nextEvent,
  openWireSession,
  postTo,
} from "../support/wire-client.ts";

const ECHO = { jsonrpc: "2.0", id: 1, method: "echo", params: {} };

describe("a session ends", () => {
  test("when nobody has used it for a while", async () => {
    await using bridge = scriptedBridge({ limits: { sessionIdleMs: 100 } });
    const session = await openWireSession(bridge.url);
    const { result } = await session.call(1, "pid");
    await until(() => whyClosed(bridge) === "idle" && !isAlive(result.pid));
    expect((await session.post(ECHO)).status).toBe(404);
  });

  test("not while a stream is open or an answer is due, which is as good as use", async () => {
    await using bridge = scriptedBridge({ limits: { sessionIdleMs: 100 } });
    const [listens, waits, idles] = await Promise.all([
      openWireSession(bridge.url),
      openWireSession(bridge.url),
      openWireSession(bridge.url),
    ]);
    const leaving = new AbortController();
    const events = eventsOf(await listens.listen({}, leaving.signal));
    await nextEvent(events);
    const held = waits.post({ jsonrpc: "2.0", id: 1, method: "hold" });
    await until(() => whyClosed(bridge) === "idle");
    expect((await idles.post(ECHO)).status).toBe(404);
    expect((await listens.post(ECHO)).status).toBe(200);
    await waits.notify("release", { id: 1 });
    expect(await Array.fromAsync(messagesOf(await held))).toMatchObject([{ id: 1 }]);
    leaving.abort();
    await until(() => closings(bridge).length === 3);
  });

  test("at its greatest age, whatever it does: what is unanswered fails", async () => {
    await using bridge = scriptedBridge({ limits: { sessionMaxAgeMs: 500 } });
    const session = await openWireSession(bridge.url);
    const held = await session.post({ jsonrpc: "2.0", id: 1, method: "hold" });
    expect(await Array.fromAsync(messagesOf(held))).toEqual([
      {
        jsonrpc: "2.0",
        id: 1,
        error: {
          code: -32603,
          message: "The session has reached its greatest age; open a new one.",
        },
      },
    ]);
    expect(whyClosed(bridge)).toBe("too-old");
    expect((await session.post(ECHO)).status).toBe(404);
  });

  test("with its process: what is unanswered fails, on a stream as in JSON", async () => {
    await using bridge = scriptedBridge();
    const session = await openWireSession(bridge.url);
    const onStream = await session.post({ jsonrpc: "2.0", id: 1, method: "hold" });
    const listening = eventsOf(await session.listen());
    await nextEvent(listening);
    const inJson = await session.post({
      jsonrpc: "2.0",
      id: 2,
      method: "exit",
      params: { status: 3 },
    });
    const error = { code: -32603, message: "The server's process exited with status 3." };
    expect(inJson.status).toBe(200);
    expect(await inJson.json()).toEqual({ jsonrpc: "2.0", id: 2, error });
    expect(await Array.fromAsync(messagesOf(onStream))).toEqual([{ jsonrpc: "2.0", id: 1, error }]);
    expect((await listening.next()).done).toBe(true);
    expect((await session.post(ECHO)).status).toBe(404);
    expect(whyClosed(bridge)).toBe("crashed");
    const again = await openWireSession(bridge.url);
    expect((await again.post(ECHO)).status).toBe(200);
  });
});

describe("no session is opened", () => {
  test("beyond the greatest number: 503 with Retry-After, and again when there is room", async () => {
    await using bridge = scriptedBridge({ limits: { maxSessions: 2 } });
    const first = await openWireSession(bridge.url);
    const second = await openWireSession(bridge.url);
    const third = await postTo(bridge.url, initializeMessage());
    expect(third.status).toBe(503);
    expect(third.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(await third.json()).toMatchObject({ error: { code: -32000 } });
    expect((await second.post(ECHO)).status).toBe(200);
    await first.delete();
    await openWireSession(bridge.url);
  });

  test("by a server that refuses: its error, without a session's id", async () => {
    await using bridge = scriptedBridge({ initialize: "refuse" });
    const response = await postTo(bridge.url, initializeMessage());
    expect(response.headers.get("mcp-session-id")).toBeNull();
    expect(await response.json()).toMatchObject({ id: "initialize", error: { message: "no" } });
    await until(() => whyClosed(bridge) === "refused" && alive(bridge).length === 0);
  });

  test("by a server that ends at the request", async () => {
    await using bridge = scriptedBridge({ initialize: "die" });
    const response = await postTo(bridge.url, initializeMessage());
    expect(response.headers.get("mcp-session-id")).toBeNull();
    expect(await response.json()).toMatchObject({
      id: "initialize",
      error: { code: -32603, message: "The server's process exited with status 7." },
    });
  });

  test("by a server that does not answer in time", async () => {
    await using bridge = scriptedBridge({ initialize: "silent", limits: { startTimeoutMs: 200 } });
    const response = await postTo(bridge.url, initializeMessage());
    expect(await Array.fromAsync(messagesOf(response))).toMatchObject([
      { id: "initialize", error: { code: -32603, message: expect.stringContaining("0.2 s") } },
    ]);
    await until(() => whyClosed(bridge) === "refused" && alive(bridge).length === 0);
  });

  test("by a program that is not there: 503, and why is told", async () => {
    await using bridge = scriptedBridge({ argv: ["/no/such/program"] });
    const response = await postTo(bridge.url, initializeMessage());
    expect(response.status).toBe(503);
    expect(bridge.events).toMatchObject([{ type: "start-failed", error: { code: "ENOENT" } }]);
  });
});

describe("the process that is kept ready", () => {
  test("is the next session's, and has a successor", async () => {
    await using bridge = scriptedBridge();
    await until(() => alive(bridge).length === 1);
    const [ready] = alive(bridge);
    const session = await openWireSession(bridge.url);
    expect((await session.call(1, "pid")).result.pid).toBe(ready);
    await until(() => alive(bridge).length === 2);
  });

  test("is no more than one, and none where all sessions are taken", async () => {
    await using bridge = scriptedBridge({ limits: { maxSessions: 2 } });
    await openWireSession(bridge.url);
    await openWireSession(bridge.url);
    expect(alive(bridge)).toHaveLength(2);
  });

  test("loses nothing that it has said before it had a client", async () => {
    await using bridge = scriptedBridge({ initialize: "greet" });
    await until(() => bridge.stderr.includes("greeted"));
    const session = await openWireSession(bridge.url);
    const events = eventsOf(await session.listen());
    await nextEvent(events);
    expect((await nextEvent(events)).data).toContain('"hello"');
  });

  test("is replaced when it has ended", async () => {
    await using bridge = scriptedBridge();
    const [ready = 0] = alive(bridge);
    process.kill(ready, "SIGKILL");
    await until(() => bridge.events.some(({ type }) => type === "child-ended"));
    const session = await openWireSession(bridge.url);
    expect((await session.call(1, "pid")).result.pid).not.toBe(ready);
  });
});

test("of 200 sessions that are opened and abandoned nothing is left", async () => {
  await using bridge = scriptedBridge({ limits: { maxSessions: 8, sessionIdleMs: 50 } });
  let opened = 0;
  while (opened < 200) {
    const responses = await Promise.all(
      Array.from({ length: 8 }, () => postTo(bridge.url, initializeMessage())),
    );
    opened += responses.filter(({ status }) => status === 200).length;
    expect(responses.every(({ status }) => status === 200 || status === 503)).toBe(true);
    expect(alive(bridge).length).toBeLessThanOrEqual(17);
    await Promise.all(responses.map((response) => response.text()));
  }
  await until(() => closings(bridge).length === opened && alive(bridge).length <= 1);
}, 60_000);

describe("a bridge that closes", () => {
  test("gives what is unanswered its time, opens nothing more, and ends all processes", async () => {
    await using bridge = scriptedBridge();
    const session = await openWireSession(bridge.url);
    const held = await session.post({ jsonrpc: "2.0", id: 1, method: "hold" });
    const closed = bridge.endpoint.close(60_000);
    const refused = await postTo(bridge.url, initializeMessage());
    expect([refused.status, refused.headers.has("retry-after")]).toEqual([503, true]);
    expect((await session.post(ECHO)).status).toBe(503);
    expect((await session.notify("release", { id: 1 })).status).toBe(202);
    expect(await Array.fromAsync(messagesOf(held))).toMatchObject([{ id: 1, result: {} }]);
    await closed;
    expect(alive(bridge)).toEqual([]);
  });

  test("fails what is unanswered after that time", async () => {
    await using bridge = scriptedBridge();
    const session = await openWireSession(bridge.url);
    const held = await session.post({ jsonrpc: "2.0", id: 1, method: "hold" });
    await bridge.endpoint.close(100);
    expect(await Array.fromAsync(messagesOf(held))).toMatchObject([
      { id: 1, error: { code: -32603, message: "The gateway is closing." } },
    ]);
    expect(alive(bridge)).toEqual([]);
  });
});

test("what happens is told", async () => {
  await using bridge = scriptedBridge();
  const session = await openWireSession(bridge.url);
  await session.call(1, "echo");
  await session.delete();
  const told = bridge.events.filter(({ type }) => !type.startsWith("child"));
  expect(told).toEqual([
    { type: "session-opened", sessions: 1 },
    call("initialize"),
    call("echo"),
    { type: "session-closed", why: "deleted", sessions: 0 },
  ]);
});

function call(unsafeMethod: string): GatewayEvent {
  return {
    type: "call-finished",
    unsafeMethod,
    milliseconds: expect.any(Number),
    outcome: "answered",
  };
}

function closings(bridge: ScriptedBridge): readonly GatewayEvent[] {
  return bridge.events.filter(({ type }) => type === "session-closed");
}

function whyClosed(bridge: ScriptedBridge): string | undefined {
  const last = closings(bridge).at(-1);
  return last?.type === "session-closed" ? last.why : undefined;
}

/** Process ids of servers that are running, or have not been asked for their status. */
function alive(bridge: ScriptedBridge): readonly number[] {
  const pids = bridge.events.flatMap((event) =>
    event.type === "child-started" ? [event.pid] : [],
  );
  return pids.filter(isAlive);
}
