// subscriptions/listen: one server, many clients, and each hears what it asked for.

import { describe, expect, test } from "bun:test";
import { until } from "../support/conditions.ts";
import {
  messagesOf,
  modernServer,
  type ServedModern,
  serveModern,
  SUBSCRIPTION,
  valueOf,
} from "./modern-support.ts";

/** Says on request what its own script says, for each subscription that asked or for none by name. */
const CHANGES = `
  if (method === "notifications/cancelled") return void subscribed.delete(params.requestId);
  const { change, uri, as, end } = params;
  for (const [name, filter] of subscribed) {
    const meta = { "${SUBSCRIPTION}": name };
    if (end === "cancelled") say({ method: "notifications/cancelled", params: { requestId: name } });
    else if (end === "answer") say({ id: name, result: { resultType: "complete", _meta: meta } });
    else if (!as && (filter[change] === true || (uri && [filter[change]].flat().includes(uri))))
      say({ method: params.method, params: { _meta: meta, uri } });
  }
  if (as) write(as);
  text(id, subscribed.size);`;

const TOOLS = { change: "toolsListChanged", method: "notifications/tools/list_changed" };
const RESOURCE = { change: "resourceSubscriptions", method: "notifications/resources/updated" };

describe("a subscription", () => {
  test("is acknowledged first, and called by the id that its client chose", async () => {
    await using modern = serveModern(modernServer(CHANGES));
    const next = await listen(modern, "9007199254740993", { toolsListChanged: true });
    await modern.call("x/change", { params: TOOLS });
    expect(await next()).toContain('"method":"notifications/subscriptions/acknowledged"');
    const changed = await next();
    expect(changed).toContain('"method":"notifications/tools/list_changed"');
    expect(changed).toContain(`"${SUBSCRIPTION}":9007199254740993`);
  });

  test("hears of what it asked for, and of nothing else", async () => {
    await using modern = serveModern(modernServer(CHANGES));
    const filters = [
      { toolsListChanged: true },
      { resourceSubscriptions: ["a:1", "a:2"] },
      { resourceSubscriptions: ["a:2"], toolsListChanged: false },
    ];
    // All three of them are called 1.
    const listeners = await Promise.all(filters.map((filter) => listen(modern, "1", filter)));
    await hears(modern, listeners);
  });

  test("hears the same of a server that does not say to whom it speaks", async () => {
    await using modern = serveModern(modernServer(CHANGES));
    const tools = await listen(modern, '"t"', { toolsListChanged: true });
    const resources = await listen(modern, '"r"', { resourceSubscriptions: ["a:1"] });
    for (const next of [tools, resources]) await next();
    const updated = (uri: string) =>
      `{"jsonrpc":"2.0","params":{"uri":"${uri}"},"method":"notifications/resources/updated"}`;
    for (const as of [
      '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}',
      updated("a:2"),
      updated("a:1"),
    ]) {
      await modern.call("x/change", { params: { as } });
    }
    expect(JSON.parse(await tools())).toMatchObject({ params: { _meta: { [SUBSCRIPTION]: "t" } } });
    expect(JSON.parse(await resources())).toMatchObject({
      params: { uri: "a:1", _meta: { [SUBSCRIPTION]: "r" } },
    });
  });

  test.each(["cancelled", "answer"])(
    "that the server ends, by %s, ends with a result",
    async (end) => {
      await using modern = serveModern(modernServer(CHANGES));
      const next = await listen(modern, '"s"', { toolsListChanged: true });
      await modern.call("x/end", { params: { end } });
      await next();
      expect(JSON.parse(await next())).toEqual({
        jsonrpc: "2.0",
        id: "s",
        result: { resultType: "complete", _meta: { [SUBSCRIPTION]: "s" } },
      });
      expect(await next()).toBe("");
    },
  );

  test("ends with a result where the gateway closes", async () => {
    await using modern = serveModern(modernServer(CHANGES));
    const next = await listen(modern, "3", { toolsListChanged: true });
    await next();
    await modern.endpoint.close(0);
    expect(JSON.parse(await next())).toMatchObject({ id: 3, result: { resultType: "complete" } });
  });

  test("is cancelled by its client's leaving", async () => {
    await using modern = serveModern(modernServer(CHANGES));
    const leaving = new AbortController();
    await listen(modern, "1", { toolsListChanged: true }, leaving.signal);
    const before = await valueOf(await modern.call("x/count"));
    leaving.abort();
    await until(() => modern.events.some(({ type }) => type === "call-finished"));
    let after = before;
    while (after === before) after = await valueOf(await modern.call("x/count"));
    // What is left is the gateway's own.
    expect([before, after]).toEqual([2, 1]);
  });
});

type Listener = () => Promise<string>;

/** The texts of its messages, one by one; empty at its end. */
async function listen(
  modern: ServedModern,
  id: string,
  notifications: object,
  signal?: AbortSignal,
): Promise<Listener> {
  const options = { id, params: { notifications }, ...(signal ? { signal } : {}) };
  const response = await modern.call("subscriptions/listen", options);
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  return messagesOf(response);
}

async function hears(modern: ServedModern, listeners: readonly Listener[]): Promise<void> {
  for (const next of listeners) expect(await next()).toContain("acknowledged");
  for (const params of [TOOLS, { ...RESOURCE, uri: "a:1" }, { ...RESOURCE, uri: "a:2" }]) {
    await modern.call("x/change", { params });
  }
  await modern.call("x/end", { params: { end: "answer" } });
  const heard = await Promise.all(
    listeners.map(async (next) => {
      const messages: unknown[] = [];
      for (let text = await next(); text !== ""; text = await next()) {
        const { method, params } = JSON.parse(text);
        if (params !== undefined) messages.push([method, params.uri, params._meta[SUBSCRIPTION]]);
      }
      return messages;
    }),
  );
  expect(heard).toEqual([
    [[TOOLS.method, undefined, 1]],
    [
      [RESOURCE.method, "a:1", 1],
      [RESOURCE.method, "a:2", 1],
    ],
    [[RESOURCE.method, "a:2", 1]],
  ]);
}
