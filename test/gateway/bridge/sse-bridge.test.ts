// The transport of 2024-11-05, with the SDK's own client for it and by hand.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { openSseBridge } from "../../../src/gateway/bridge/sse-bridge.ts";
import type { GatewayEvent } from "../../../src/gateway/events.ts";
import { startServerChild } from "../../../src/system/server-child.ts";

const EVERYTHING = Bun.resolveSync(
  "@modelcontextprotocol/server-everything/dist/index.js",
  import.meta.dir,
);

interface Opened extends AsyncDisposable {
  readonly url: string;
  readonly events: readonly GatewayEvent[];
}

function open(argv: readonly string[], maxSessions = 4): Opened {
  const events: GatewayEvent[] = [];
  const program = {
    argv,
    env: { PATH: Bun.env["PATH"] ?? "" },
    maxLineBytes: 10_000_000,
    onStderr() {},
  };
  const bridge = openSseBridge({
    start: (options) => startServerChild(program, options),
    limits: {
      maxSessions,
      sessionIdleMs: 60_000,
      sessionMaxAgeMs: 60_000,
      maxBodyBytes: 8_000_000,
      maxLineBytes: 10_000_000,
      startTimeoutMs: 10_000,
    },
    mcpPath: "/sse",
    onEvent: (event) => events.push(event),
  });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: (request) =>
      bridge.handle(request, { principal: request.headers.get("x-principal") ?? "anybody" }),
  });
  return {
    url: `http://127.0.0.1:${server.port}/sse`,
    events,
    async [Symbol.asyncDispose]() {
      await bridge.close(0);
      await server.stop(true);
    },
  };
}

describe("a client of 2024-11-05", () => {
  let opened: Opened;
  beforeAll(() => {
    opened = open(["node", EVERYTHING, "stdio"]);
  });
  afterAll(() => opened[Symbol.asyncDispose]());

  test("calls tools, with its own process and progress of its own", async () => {
    const clients = await Promise.all([connect(opened.url), connect(opened.url)]);
    const heard = await Promise.all(
      clients.map(async (client) => {
        let steps = 0;
        await client.callTool(
          { name: "trigger-long-running-operation", arguments: { duration: 0.2, steps: 3 } },
          undefined,
          { onprogress: () => (steps += 1) },
        );
        return steps;
      }),
    );
    // This client forgets a report that it hears of in the same moment as of the answer.
    for (const steps of heard) expect(steps).toBeOneOf([2, 3]);
    expect(opened.events.filter(({ type }) => type === "child-started")).toHaveLength(2);
    await Promise.all(clients.map((client) => client.close()));
    await until(() => opened.events.filter(({ type }) => type === "child-ended").length === 2);
  });
});

describe("by hand", () => {
  const ECHO = ["/bin/sh", "-c", 'read -r line; echo "$line"; echo no message; cat'];

  test("the stream begins with the path to post to, and carries messages only", async () => {
    await using opened = open(ECHO);
    const { next, post } = await talk(opened.url);
    expect((await post('{"jsonrpc":"2.0","id":12345678901234567890,"result":{}}')).status).toBe(
      202,
    );
    expect(await next()).toBe('data: {"jsonrpc":"2.0","id":12345678901234567890,"result":{}}');
    await until(() => opened.events.some(({ type }) => type === "line-dropped"));
  });

  test.each([
    ["{", 400],
    ["[]", 400],
    ['{"jsonrpc":"1.0","method":"x"}', 400],
  ])("%p is refused", async (body, status) => {
    await using opened = open(ECHO);
    const { post } = await talk(opened.url);
    expect((await post(body)).status).toBe(status);
  });

  test("nobody posts to another's stream, or to none", async () => {
    await using opened = open(ECHO);
    const { path } = await talk(opened.url);
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
    const foreign = { ...init, headers: { ...init.headers, "x-principal": "somebody else" } };
    expect((await fetch(new URL(path, opened.url), foreign)).status).toBe(404);
    expect((await fetch(new URL("/sse/messages?session=x", opened.url), init)).status).toBe(404);
    expect((await fetch(opened.url, init)).status).toBe(405);
  });

  test("one stream too many is told to come again", async () => {
    await using opened = open(ECHO, 1);
    await talk(opened.url);
    const refused = await fetch(opened.url);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
  });

  test("the end of the process is the end of the stream", async () => {
    await using opened = open(["/bin/sh", "-c", "exit 3"]);
    const response = await fetch(opened.url);
    await response.text();
    expect(opened.events).toContainEqual({ type: "session-closed", why: "crashed", sessions: 0 });
  });
});

async function connect(url: string): Promise<Client> {
  const client = new Client({ name: "test", version: "1" });
  await client.connect(new SSEClientTransport(new URL(url)));
  return client;
}

/** Opens a stream and reads it event by event. */
async function talk(url: string) {
  const response = await fetch(url);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const next = async (): Promise<string> => {
    while (!text.includes("\n\n")) text += (await reader?.read())?.value ?? "";
    const end = text.indexOf("\n\n");
    const event = text.slice(0, end);
    text = text.slice(end + 2);
    return event;
  };
  const first = await next();
  const [, path = ""] =
    /^event: endpoint\ndata: (\/sse\/messages\?session=[\w-]+)$/.exec(first) ?? [];
  const post = (body: string) =>
    fetch(new URL(path, url), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
  return { path, next, post };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await Bun.sleep(5);
}
