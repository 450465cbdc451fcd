// Clients that lose a connection and come back: each stream goes on where it was, and only that stream.

import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type ScriptedBridge, scriptedBridge } from "../support/scripted-bridge.ts";
import {
  eventsOf,
  nextEvent,
  openWireSession,
  type WireEvent,
  type WireSession,
} from "../support/wire-client.ts";

let bridge: ScriptedBridge;
let session: WireSession;
beforeAll(() => {
  bridge = scriptedBridge({ limits: { maxSessions: 100 } });
});
afterAll(() => bridge[Symbol.asyncDispose]());
beforeEach(async () => {
  session = await openWireSession(bridge.url);
});

test("the rest of a call is sent to the client that comes back, live from there", async () => {
  const call = await openStream(1);
  await tell(1, "a");
  expect(await nextEvent(call.events)).toMatchObject({ id: "1-2" });
  call.leave();
  await tell(1, "b");
  await tell(1, "c");
  const resumed = await resume("1-2");
  expect(await nextEvent(resumed)).toEqual({ id: "1-2", retry: "1000", data: "" });
  expect(await nextEvent(resumed)).toMatchObject({
    id: "1-3",
    data: expect.stringContaining('"b"'),
  });
  expect(await nextEvent(resumed)).toMatchObject({
    id: "1-4",
    data: expect.stringContaining('"c"'),
  });
  await tell(1, "d");
  expect(await nextEvent(resumed)).toMatchObject({
    id: "1-5",
    data: expect.stringContaining('"d"'),
  });
  await session.notify("release", { id: 1 });
  expect(await nextEvent(resumed)).toMatchObject({ id: "1-6", data: released(1) });
  expect((await resumed.next()).done).toBe(true);
});

test("an answer that came while nobody listened waits, and can be had again", async () => {
  const call = await openStream(1);
  call.leave();
  await session.notify("release", { id: 1 });
  await session.call("later", "echo");
  for (const from of ["1-1", "1-1"]) {
    const events = await Array.fromAsync(await resume(from));
    expect(events.slice(1)).toEqual([{ id: "1-2", data: released(1) }]);
  }
  expect(await Array.fromAsync(await resume("1-2"))).toEqual([
    { id: "1-2", retry: "1000", data: "" },
  ]);
});

test("streams are never mixed", async () => {
  const [one, two] = [await openStream(1), await openStream(2)];
  const listening = await listen();
  for (const text of ["a", "b"]) {
    await tell(1, `one ${text}`);
    await tell(2, `two ${text}`);
    await session.call(`say ${text}`, "say", { lines: [changed(text)] });
  }
  one.leave();
  two.leave();
  listening.leave();
  const heard = await Promise.all(
    ["1-1", "2-1", "0-0"].map(async (from) => {
      const events = await resume(from);
      await nextEvent(events);
      return [(await nextEvent(events)).data, (await nextEvent(events)).data];
    }),
  );
  expect(heard).toEqual([
    [progress(1, "one a"), progress(1, "one b")],
    [progress(2, "two a"), progress(2, "two b")],
    [changed("a"), changed("b")],
  ]);
});

test("another session's event is unknown", async () => {
  const call = await openStream(1);
  await tell(1, "a");
  await nextEvent(call.events);
  const other = await openWireSession(bridge.url);
  expect((await other.listen({ "last-event-id": "1-1" })).status).toBe(400);
});

test("the client that comes back takes the place of its former connection", async () => {
  const call = await openStream(1);
  const resumed = await resume("1-1");
  expect((await call.events.next()).done).toBe(true);
  await session.notify("release", { id: 1 });
  expect(await Array.fromAsync(resumed)).toMatchObject([{ id: "1-1" }, { data: released(1) }]);
});

test("of what nobody listened to the latest 256 messages are kept", async () => {
  const call = await openStream(1);
  call.leave();
  await session.call("many", "say", {
    lines: Array.from({ length: 300 }, (_, index) => progress(1, String(index))),
  });
  const events = await resume("1-1");
  await nextEvent(events);
  expect(await nextEvent(events)).toMatchObject({ id: "1-46", data: progress(1, "44") });
});

test("an answer too long for the store is kept where nobody has heard it", async () => {
  const call = await openStream(1);
  call.leave();
  const long = JSON.stringify({ jsonrpc: "2.0", id: 1, result: { text: "x".repeat(3_000_000) } });
  await session.call("long", "say", { lines: [long] });
  const [, event] = await Array.fromAsync(await resume("1-1"));
  expect(event?.data === long).toBe(true);
});

test("in place of an answer that was too long for the store and has been sent stands an error", async () => {
  const call = await openStream(1);
  const long = JSON.stringify({ jsonrpc: "2.0", id: 1, result: { text: "x".repeat(3_000_000) } });
  await session.call("long", "say", { lines: [long] });
  expect((await nextEvent(call.events)).data === long).toBe(true);
  const [, event] = await Array.fromAsync(await resume("1-1"));
  expect(JSON.parse(event?.data ?? "")).toMatchObject({ id: 1, error: { code: -32603 } });
});

test("clients of older revisions get no event without a message", async () => {
  session = await openWireSession(bridge.url, { revision: "2025-06-18" });
  const listening = await session.listen();
  await session.call(1, "say", { lines: [changed("a")] });
  expect(await nextEvent(eventsOf(listening))).toEqual({ id: "0-1", data: changed("a") });
});

test("a client that reconnects 1,000 times loses nothing", async () => {
  let last = "0-0";
  for (let round = 1; round <= 1_000; round++) {
    const leaving = new AbortController();
    const response = await session.listen({ "last-event-id": last }, leaving.signal);
    const events = eventsOf(response);
    await nextEvent(events);
    const said = session.call(round, "say", { lines: [changed(String(round))] });
    const event = await nextEvent(events);
    expect(event).toEqual({ id: `0-${round}`, data: changed(String(round)) });
    last = event.id ?? "";
    await said;
    leaving.abort();
  }
}, 60_000);

interface Listening {
  readonly events: AsyncGenerator<WireEvent>;
  leave(): void;
}

/** Makes a request that is not answered before it is released, and reads its stream as far as it has begun. */
async function openStream(id: number): Promise<Listening> {
  const leaving = new AbortController();
  const request = { jsonrpc: "2.0", id, method: "hold", params: { _meta: { progressToken: id } } };
  const events = eventsOf(await session.post(request, {}, leaving.signal));
  expect(await nextEvent(events)).toEqual({ id: `${id}-0`, retry: "1000", data: "" });
  expect(await nextEvent(events)).toEqual({ id: `${id}-1`, data: progress(id, "held") });
  return { events, leave: () => leaving.abort() };
}

async function listen(): Promise<Listening> {
  const leaving = new AbortController();
  const events = eventsOf(await session.listen({}, leaving.signal));
  await nextEvent(events);
  return { events, leave: () => leaving.abort() };
}

async function resume(lastEventId: string): Promise<AsyncGenerator<WireEvent>> {
  return eventsOf(await session.listen({ "last-event-id": lastEventId }));
}

/** Lets the server report progress of that request. */
async function tell(id: number, text: string): Promise<void> {
  await session.call(`tell ${text}`, "say", { lines: [progress(id, text)] });
}

function progress(progressToken: number, message: string): string {
  const params = { progressToken, message };
  return JSON.stringify({ jsonrpc: "2.0", method: "notifications/progress", params });
}

function released(id: number): string {
  return JSON.stringify({ jsonrpc: "2.0", id, result: { released: true } });
}

function changed(text: string): string {
  return `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"text":"${text}"}}}`;
}
