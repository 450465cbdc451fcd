// What belongs to a request of 2026-07-28 besides its answer, and clients that leave or do not read.

import { describe, expect, test } from "bun:test";
import type { GatewayEvent } from "../../../src/gateway/events.ts";
import { MAX_WAITING_CHARACTERS } from "../../../src/gateway/bridge/modern-exchange.ts";
import { until } from "../support/conditions.ts";
import {
  headersOf,
  messagesOf,
  modernServer,
  requestText,
  type ServedModern,
  serveModern,
  valueOf,
} from "./modern-support.ts";

const LOG = "io.modelcontextprotocol/logLevel";

/** Tells of progress twice, then waits for another to be as far. */
const PROGRESS = `
  const token = params._meta.progressToken;
  for (const progress of [1, 2]) say({ method: "notifications/progress", params: { progressToken: token, progress, of: params.name } });
  held.push(() => text(id, params.name));
  if (held.length === 2) for (const answer of held.splice(0)) answer();`;

describe("progress", () => {
  test("goes to the request that asked for it, under the token that it gave", async () => {
    await using modern = serveModern(modernServer(PROGRESS, "const held = [];"));
    const heard = await Promise.all(
      ["a", "b"].map(async (name) => {
        const options = { id: `"${name}"`, params: { name }, meta: { progressToken: 1 } };
        const response = await modern.call("x/work", options);
        expect(response.headers.get("content-type")).toBe("text/event-stream");
        expect(response.headers.get("x-accel-buffering")).toBe("no");
        const next = messagesOf(response);
        const texts = [await next(), await next(), await next()];
        return [...texts.map((text) => JSON.parse(text)), await next()];
      }),
    );
    expect(heard).toEqual(
      ["a", "b"].map((name) => [
        ...[1, 2].map((progress) => ({
          jsonrpc: "2.0",
          method: "notifications/progress",
          params: { progressToken: 1, progress, of: name },
        })),
        { jsonrpc: "2.0", id: name, result: { resultType: "complete", value: name } },
        "",
      ]),
    );
  });
});

describe("a log", () => {
  const SAY = `if (params.isLast) text(id, 1);
    else { held.push(id); if (held.length === params.of) {
      say({ method: "notifications/message", params: { level: "info", data: "secret" } });
      for (const each of held) text(each, 1); } }`;

  test("goes to the request that asked for one", async () => {
    await using modern = serveModern(modernServer(SAY, "const held = [];"));
    const silent = modern.call("x/work", { params: { of: 2 } });
    const heard = await modern.call("x/work", { params: { of: 2 }, meta: { [LOG]: "info" } });
    expect(await messagesOf(heard)()).toContain('"data":"secret"');
    expect(await (await silent).text()).not.toContain("secret");
  });

  test("goes to nobody where two have asked, since it may be either's", async () => {
    await using modern = serveModern(modernServer(SAY, "const held = [];"));
    const options = { params: { of: 2 }, meta: { [LOG]: "info" } };
    const both = await Promise.all([1, 2].map(() => modern.call("x/work", options)));
    for (const response of both) expect(await response.text()).not.toContain("secret");
    expect(modern.events.map(({ type }) => type)).toContain("line-dropped");
  });
});

describe("a client that leaves", () => {
  const CANCEL = `
    if (method === "notifications/cancelled") cancelled.push(params.requestId);
    else if (method === "x/cancelled") text(id, [cancelled, ids]);
    else { ids.push(id); if (params.talk) say({ method: "notifications/progress", params: { progressToken: id } }); }
    if (method === "notifications/cancelled") text(params.requestId, "late");`;

  test.each([
    ["before there is a word for it", false],
    ["while it listens to its stream", true],
  ])("%s has given the request up", async (_when, talk) => {
    await using modern = serveModern(modernServer(CANCEL, "const cancelled = [], ids = [];"));
    const leaving = new AbortController();
    const options = { params: { talk }, meta: { progressToken: "t" }, signal: leaving.signal };
    const asked = modern.call("x/work", options);
    if (talk) await asked;
    else await untilAsked(modern);
    leaving.abort();
    await asked.then(
      ({ body }) => body?.cancel().catch(() => {}),
      () => {},
    );
    await until(() => outcomes(modern).includes("cancelled"));
    const [cancelled, ids] = await whatHappened(modern);
    expect(cancelled).toEqual(ids);
    expect(ids.length).toBe(1);
    // Its answer comes all the same, which is no fault of the server's.
    expect(modern.events.filter(({ type }) => type === "line-dropped")).toEqual([]);
  });

  async function untilAsked(modern: ServedModern): Promise<void> {
    while ((await whatHappened(modern))[1].length === 0);
  }

  /** The ids that were cancelled and those that were asked, as the server knows them. */
  async function whatHappened(modern: ServedModern): Promise<[unknown[], unknown[]]> {
    return (await valueOf(await modern.call("x/cancelled"))) as [unknown[], unknown[]];
  }
});

describe("a client that does not read", () => {
  const FLOOD = `
    if (method === "notifications/cancelled") cancelled++;
    else if (method !== "x/flood") text(id, cancelled);
    else for (let n = 0; n < 200; n++)
      say({ method: "notifications/progress", params: { progressToken: id, message: "x".repeat(100_000) } });`;

  test("loses its stream, and holds up nobody", async () => {
    await using modern = serveModern(modernServer(FLOOD, "let cancelled = 0;"));
    await using _deaf = await deafCall(modern, "x/flood");
    await until(() => outcomes(modern).includes("cancelled"));
    expect(await valueOf(await modern.call("x/other"))).toBe(1);
    expect(200 * 100_000).toBeGreaterThan(4 * MAX_WAITING_CHARACTERS);
  });
});

describe("a request that takes its time", () => {
  test("becomes a stream with comments, which keep the connection", async () => {
    const script = `if (method === "x/wait") held = id; else { text(held, 2); text(id, 0); }`;
    await using modern = serveModern(modernServer(script, "let held;"));
    const response = await modern.call("x/wait");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    await modern.call("x/end");
    expect(await response.text()).toMatch(/^(:\n\n)+data: .*"value":2.*\n\n$/);
  }, 20_000);
});

function outcomes({ events }: { readonly events: readonly GatewayEvent[] }): readonly string[] {
  return events.flatMap((event) => (event.type === "call-finished" ? [event.outcome] : []));
}

/** A connection on which a request is sent, and nothing is read. */
async function deafCall({ url }: ServedModern, method: string): Promise<AsyncDisposable> {
  const { hostname, port } = new URL(url);
  const socket = await Bun.connect({ hostname, port: Number(port), socket: { data() {} } });
  socket.pause();
  const body = requestText(method, "1", {}, { progressToken: 1 });
  const headers = Object.entries({
    host: `${hostname}:${port}`,
    "content-type": "application/json",
    "content-length": String(body.length),
    accept: "application/json, text/event-stream",
    ...headersOf(method),
  });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.write(`POST / HTTP/1.1\r\n${lines}\r\n${body}`);
  return {
    async [Symbol.asyncDispose]() {
      socket.terminate();
    },
  };
}
