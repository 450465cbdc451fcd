// Servers and clients that take too much, say too much, or do not listen.

import { describe, expect, test } from "bun:test";
import { isAlive, settled, until } from "../support/conditions.ts";
import { scriptedBridge } from "../support/scripted-bridge.ts";
import { eventsOf, messagesOf, openWireSession, type WireSession } from "../support/wire-client.ts";

const REPORTS = 4_000;

test("5 MB of arguments and 20 MB of a result pass", async () => {
  await using bridge = scriptedBridge();
  const session = await openWireSession(bridge.url);
  const { result } = await session.call(1, "size", { text: "é".repeat(2_500_000) });
  expect(result.characters).toBe(2_500_000);
  const big = await session.call(2, "big", { characters: 20_000_000 });
  expect(big.result.text).toHaveLength(20_000_000);
}, 30_000);

test("a client that asks without end is told to come again, and its session goes on", async () => {
  await using bridge = scriptedBridge();
  const session = await openWireSession(bridge.url, { revision: "2025-03-26" });
  const requests = Array.from({ length: 1_024 }, (_, id) => ({
    jsonrpc: "2.0",
    id,
    method: "hold",
  }));
  const held = session.post(requests);
  await until(() => bridge.stderr.length === 1_024);
  const refused = await session.post({ jsonrpc: "2.0", id: "x", method: "echo" });
  expect([refused.status, refused.headers.has("retry-after")]).toEqual([503, true]);
  expect((await session.notify("release", { id: 7 })).status).toBe(202);
  expect((await messagesOf(await held).next()).value).toMatchObject({ id: 7, result: {} });
  expect((await session.call("y", "echo", { a: 1 })).result).toEqual({ a: 1 });
});

test("a slow client lets its own server wait, and nothing piles up", async () => {
  await using bridge = scriptedBridge();
  const session = await openWireSession(bridge.url);
  const other = await openWireSession(bridge.url);
  // 64 MB of reports, of which nobody reads one.
  const response = await report(session, REPORTS, 16_384);
  const before = process.memoryUsage.rss();
  const reported = await settled(() => bridge.stderr.length);
  expect(reported).toBeLessThan(REPORTS / 2);
  expect(process.memoryUsage.rss() - before).toBeLessThan(40 * 1_048_576);
  expect((await other.call(1, "echo", { a: 1 })).result).toEqual({ a: 1 });
  const heard = await Array.fromAsync(messagesOf(response));
  expect(heard).toHaveLength(REPORTS + 1);
  expect(heard.slice(0, -1).every(({ params }, index) => params.progress === index + 1)).toBe(true);
}, 30_000);

test("a client that leaves lets its server go on", async () => {
  await using bridge = scriptedBridge();
  const session = await openWireSession(bridge.url);
  const leaving = new AbortController();
  const response = await report(session, REPORTS, 16_384, leaving.signal);
  expect(await settled(() => bridge.stderr.length)).toBeLessThan(REPORTS / 2);
  expect(response.bodyUsed).toBe(false);
  leaving.abort();
  await until(() => bridge.stderr.length === REPORTS);
  const [, ...events] = await Array.fromAsync(
    eventsOf(await session.listen({ "last-event-id": "1-0" })),
  );
  expect(events.at(-1)).toMatchObject({ id: `1-${REPORTS + 1}` });
}, 30_000);

test("a session can be ended while its client is slow", async () => {
  await using bridge = scriptedBridge();
  const session = await openWireSession(bridge.url);
  const { result } = await session.call("p", "pid");
  const response = await report(session, REPORTS, 16_384);
  await settled(() => bridge.stderr.length);
  await session.delete();
  expect(response.bodyUsed).toBe(false);
  await until(() => !isAlive(result.pid));
}, 30_000);

describe("a server that", () => {
  test("floods stderr is answered for as ever", async () => {
    await using bridge = scriptedBridge();
    const session = await openWireSession(bridge.url);
    expect(await session.call(1, "flood", { lines: 20_000 })).toMatchObject({ id: 1, result: {} });
    expect(bridge.stderr).toHaveLength(20_000);
  }, 20_000);

  test("never reads lets its own client wait, and ends with its session", async () => {
    await using bridge = scriptedBridge();
    const session = await openWireSession(bridge.url);
    const { result } = await session.call("p", "pid");
    await session.call("d", "deaf");
    const statuses: number[] = [];
    const posts = Array.from({ length: 100 }, async () => {
      const { status } = await session.notify("x", { text: "x".repeat(1_000_000) });
      statuses.push(status);
    });
    // One is stuck on its way and 64 wait; there is no place for more.
    expect(await settled(() => statuses.length)).toBe(35);
    expect(new Set(statuses)).toEqual(new Set([503]));
    const other = await openWireSession(bridge.url);
    expect((await other.call(1, "echo", { a: 1 })).result).toEqual({ a: 1 });
    await session.delete();
    await until(() => !isAlive(result.pid));
    await Promise.all(posts);
    expect(statuses).toContain(404);
  }, 30_000);

  test("forks is ended with what it has started", async () => {
    await using bridge = scriptedBridge();
    const session = await openWireSession(bridge.url);
    const { result } = await session.call(1, "fork");
    expect(isAlive(result.pid)).toBe(true);
    await session.delete();
    await until(() => !isAlive(result.pid));
  }, 20_000);

  test("writes a line without end is ended, and its client hears of it", async () => {
    await using bridge = scriptedBridge({ limits: { maxLineBytes: 1_000_000 } });
    const session = await openWireSession(bridge.url);
    expect(await session.call(1, "big", { characters: 2_000_000 })).toMatchObject({
      id: 1,
      error: { code: -32603, message: expect.stringContaining("more than 1000000 bytes") },
    });
    expect((await session.notify("x")).status).toBe(404);
  });
});

async function report(
  session: WireSession,
  times: number,
  characters: number,
  signal?: AbortSignal,
): Promise<Response> {
  const params = { times, characters, tells: true, _meta: { progressToken: "t" } };
  return await session.post({ jsonrpc: "2.0", id: "r", method: "report", params }, {}, signal);
}
