// Which of a client's streams a message of the server goes on.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { until } from "../support/conditions.ts";
import { type ScriptedBridge, scriptedBridge } from "../support/scripted-bridge.ts";
import {
  eventsOf,
  messagesOf,
  nextEvent,
  openWireSession,
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

const CHANGED = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';

describe("an answer", () => {
  test("that comes first and soon is one JSON response", async () => {
    const response = await session.post({
      jsonrpc: "2.0",
      id: 1,
      method: "echo",
      params: { a: 1 },
    });
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.text()).toBe('{"jsonrpc":"2.0","id":1,"result":{"a":1}}');
  });

  test("that takes its time comes on a stream, which has begun before", async () => {
    const response = await hold(1);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const events = eventsOf(response);
    expect(await nextEvent(events)).toEqual({ id: "1-0", retry: "1000", data: "" });
    await session.notify("release", { id: 1 });
    expect(await nextEvent(events)).toEqual({ id: "1-1", data: answerTo(1, { released: true }) });
    expect((await events.next()).done).toBe(true);
  });

  test("goes to the request with the id of its very type", async () => {
    const [number, text] = [hold(1), hold("1")];
    await session.notify("release", { id: "1" });
    expect((await messageOf(await text)).id).toBe("1");
    await session.notify("release", { id: 1 });
    expect((await messageOf(await number)).id).toBe(1);
  });

  test("to a request that nobody made goes nowhere", async () => {
    const lines = [answerTo(99, {}), answerTo("1", {})];
    const response = await say(1, lines);
    expect(await messages(response)).toEqual([JSON.parse(answerTo(1, {}))]);
  });
});

test("a request with the id of one that is unanswered is refused, and the first goes on", async () => {
  const first = hold(1);
  await arrived(2);
  const second = await session.post({ jsonrpc: "2.0", id: 1, method: "echo", params: {} });
  expect([second.status, await second.json()]).toMatchObject([
    400,
    { id: 1, error: { code: -32600 } },
  ]);
  await session.notify("release", { id: 1 });
  expect(await messageOf(await first)).toMatchObject({ id: 1, result: { released: true } });
});

test("progress goes to the request that has asked for it, and to no other", async () => {
  const report = (id: number, progressToken: unknown) =>
    session.post({
      jsonrpc: "2.0",
      id,
      method: "report",
      params: { times: 20, _meta: { progressToken } },
    });
  const listening = eventsOf(await session.listen());
  expect((await nextEvent(listening)).data).toBe("");
  const responses = await Promise.all([report(1, 7), report(2, "7"), report(3, "c")]);
  const heard = await Promise.all(responses.map(messages));
  const tokens = heard.map((all) => all.slice(0, -1).map(({ params }) => params.progressToken));
  expect(tokens).toEqual([Array(20).fill(7), Array(20).fill("7"), Array(20).fill("c")]);
  expect(heard.map((all) => all.at(-1)?.id)).toEqual([1, 2, 3]);
  // Nothing of it has gone to the stream of the GET: what comes there first comes from the next call.
  await session.call(4, "say", { lines: [CHANGED] });
  expect((await nextEvent(listening)).data).toBe(CHANGED);
});

describe("what belongs to no request goes", () => {
  test("to the stream of the GET where there is one", async () => {
    const listening = eventsOf(await session.listen());
    expect(await nextEvent(listening)).toEqual({ id: "0-0", retry: "1000", data: "" });
    const response = await say(1, [CHANGED]);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await nextEvent(listening)).toEqual({ id: "0-1", data: CHANGED });
  });

  test("to the newer of two GETs, and the older ends", async () => {
    const older = eventsOf(await session.listen());
    await nextEvent(older);
    const newer = eventsOf(await session.listen());
    await nextEvent(newer);
    expect((await older.next()).done).toBe(true);
    await say(1, [CHANGED]);
    expect((await nextEvent(newer)).data).toBe(CHANGED);
  });

  test("to the only request under way where there is no GET", async () => {
    const response = await say(1, [CHANGED]);
    expect(await messages(response)).toEqual([JSON.parse(CHANGED), JSON.parse(answerTo(1, {}))]);
  });

  test("to the one that remains where several requests are under way", async () => {
    const held = hold(1);
    await arrived(2);
    const said = await say(2, [CHANGED]);
    expect(said.headers.get("content-type")).toBe("application/json");
    const [first] = await Promise.all([held, said.text()]);
    await session.notify("release", { id: 1 });
    const message = await messages(first);
    // With the second request answered, the first was the only one.
    expect(message).toEqual([JSON.parse(CHANGED), JSON.parse(answerTo(1, { released: true }))]);
  });

  test("to the next GET where no request is under way", async () => {
    await session.notify("say", { lines: [CHANGED, "said"], answers: false });
    await until(() => dropped().includes("said"));
    const listening = eventsOf(await session.listen());
    await nextEvent(listening);
    expect((await nextEvent(listening)).data).toBe(CHANGED);
  });
});

describe("a question of the server", () => {
  test("is answered by the client once, whatever ids the client itself uses", async () => {
    const response = await session.post({
      jsonrpc: "2.0",
      id: 1,
      method: "ask",
      params: { as: 1 },
    });
    const events = messagesOf(response);
    expect((await events.next()).value).toMatchObject({ id: 1, method: "elicitation/create" });
    for (const result of [{ no: 1 }, { no: 2 }]) {
      expect((await session.post({ jsonrpc: "2.0", id: 1, result })).status).toBe(202);
    }
    expect((await events.next()).value).toEqual({
      jsonrpc: "2.0",
      id: 1,
      result: { got: { no: 1 } },
    });
    const { result } = await session.call(2, "received");
    expect(result.received.filter((line: string) => line.includes('"result"'))).toEqual([
      '{"jsonrpc":"2.0","id":1,"result":{"no":1}}',
    ]);
  });

  test("that was dropped for lack of room is answered by the gateway", async () => {
    const question = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"roots/list"}`;
    const questions = Array.from({ length: 258 }, (_, index) => question(index));
    // Two requests are under way: nobody knows whose questions these are.
    void hold(1).catch(() => {});
    await arrived(2);
    await (await say(2, [...questions, "{}"])).text();
    const { result } = await session.call(3, "received");
    const answers = result.received.map((line: string) => JSON.parse(line));
    expect(
      answers.filter((answer: any) => answer.error).map(({ id, error }: any) => [id, error.code]),
    ).toEqual([
      [0, -32603],
      [1, -32603],
    ]);
  });
});

test("a batch of 2025-03-26 is answered on one stream, each request of it", async () => {
  const old = await openWireSession(bridge.url, { revision: "2025-03-26" });
  const echo = (id: unknown) =>
    `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"echo","params":{"n":[1,"],"]}}`;
  const batch = `[ ${echo(1)}, {"jsonrpc":"2.0","method":"notifications/x"},\n${echo("1")} ]`;
  const response = await old.post(batch);
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const heard = await messages(response);
  expect(heard.map(({ id, result }) => [id, result])).toEqual([
    [1, { n: [1, "],"] }],
    ["1", { n: [1, "],"] }],
  ]);
  const { result } = await old.call(3, "received");
  expect(new Set(result.received.slice(1, 4))).toEqual(
    new Set([echo(1), echo("1"), '{"jsonrpc":"2.0","method":"notifications/x"}']),
  );
});

test("lines that are no messages go to nobody and are told", async () => {
  const response = await say(1, ["hello", '{"jsonrpc":"2.0","id":1}', "[]"]);
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(dropped().slice(-2)).toEqual(["hello", '{"jsonrpc":"2.0","id":1}']);
});

test("a request that was cancelled and is never answered does not keep its stream", async () => {
  const response = await hold(1);
  await session.notify("notifications/cancelled", { requestId: 1 });
  expect(await messages(response)).toEqual([]);
  const { result } = await session.call(2, "received");
  expect(result.received.at(-2)).toContain("notifications/cancelled");
}, 10_000);

test("two sessions hear nothing of each other", async () => {
  const other = await openWireSession(bridge.url);
  const [mine, theirs] = [eventsOf(await session.listen()), eventsOf(await other.listen())];
  await Promise.all([nextEvent(mine), nextEvent(theirs)]);
  await say(1, [CHANGED.replace("tools", "prompts")]);
  await other.call(1, "say", { lines: [CHANGED] });
  expect((await nextEvent(mine)).data).toContain("prompts");
  expect((await nextEvent(theirs)).data).toContain("tools");
});

/** Lines of servers that were no messages. */
function dropped(): readonly string[] {
  return bridge.events.flatMap((event) =>
    event.type === "line-dropped" ? [event.unsafeLine] : [],
  );
}

function hold(id: string | number): Promise<Response> {
  return session.post({ jsonrpc: "2.0", id, method: "hold" });
}

function say(id: number, lines: readonly string[], answers = true): Promise<Response> {
  return session.post({ jsonrpc: "2.0", id, method: "say", params: { lines, answers } });
}

/** Waits until the server has got so many messages besides. */
async function arrived(count: number): Promise<void> {
  for (let id = -1; ; id--) {
    const { result } = await session.call(id, "received");
    if (result.received.filter((line: string) => !line.includes('"received"')).length >= count)
      return;
  }
}

function answerTo(id: string | number, result: object): string {
  return JSON.stringify({ jsonrpc: "2.0", id, result });
}

async function messages(response: Response): Promise<any[]> {
  return await Array.fromAsync(messagesOf(response));
}

async function messageOf(response: Response): Promise<any> {
  return (await messages(response)).at(-1);
}
