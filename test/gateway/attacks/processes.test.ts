// Clients that would have the gateway start processes without end, and ports that somebody else has taken.

import { expect, test } from "bun:test";
import { openProxy } from "../../../src/gateway/proxy/proxy.ts";
import type { Phase } from "../../../src/gateway/status.ts";
import { freePort } from "../../../src/system/free-port.ts";
import { isListenedOn } from "../../../src/system/listening.ts";
import { startServerChild } from "../../../src/system/server-child.ts";
import { until } from "../support/conditions.ts";
import { type ServerCommand, sseBridgeTo } from "../support/gateways.ts";
import { conformanceServerAt } from "../support/servers.ts";
import { postTo } from "../support/wire-client.ts";

test("streams that are opened and left do not pile up processes", async () => {
  // It minds no end of its stdin, so that each takes seconds to be ended.
  await using gateway = sseBridgeTo({ argv: ["/bin/sleep", "1000"] });
  const statuses: number[] = [];
  for (let count = 0; count < 150; count++) {
    const response = await fetch(gateway.url, { headers: { accept: "text/event-stream" } });
    statuses.push(response.status);
    await response.body?.cancel();
  }
  const started = gateway.events.filter(({ type }) => type === "child-started").length;
  expect(started).toBe(128);
  expect(statuses.slice(started)).toEqual(Array(150 - started).fill(503));
}, 20_000);

test("a program that is not there is told about at each stream", async () => {
  await using gateway = sseBridgeTo({ argv: ["/nonexistent"] });
  const response = await fetch(gateway.url, { headers: { accept: "text/event-stream" } });
  expect([response.status, response.headers.has("retry-after")]).toEqual([503, true]);
  expect(gateway.events).toMatchObject([{ type: "start-failed" }]);
});

test("what listens on the server's port before the server gets no request", async () => {
  const heard: string[] = [];
  const other = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      heard.push(request.url);
      return new Response("not the server");
    },
  });
  const port = other.port ?? 0;
  await using proxy = proxyAt(port, conformanceServerAt(port));
  await until(() => proxy.phases.some(({ state }) => state === "failing"));
  expect(proxy.phases.at(-1)).toMatchObject({ reason: expect.stringContaining(`port ${port}`) });
  const refused = await proxy.ask();
  expect([refused.status, await refused.text()]).toEqual([
    503,
    expect.stringContaining("another program listens"),
  ]);
  await other.stop(true);
  await until(() => proxy.phases.at(-1)?.state === "serving");
  expect((await proxy.ask()).status).not.toBe(503);
  expect(heard).toEqual([]);
}, 20_000);

test("a server that cannot be started is answered for, and tried again", async () => {
  const port = freePort();
  let failures = 0;
  await using proxy = proxyAt(port, conformanceServerAt(port), () => {
    if (++failures <= 3) throw new Error("no room for a process");
  });
  const refused = await proxy.ask();
  expect([refused.status, await refused.text()]).toEqual([
    503,
    expect.stringContaining("could not be started"),
  ]);
  await until(() => proxy.phases.at(-1)?.state === "serving");
  expect((await proxy.ask()).status).not.toBe(503);
}, 20_000);

function proxyAt(port: number, { argv }: ServerCommand, beforeStart: () => void = () => {}) {
  const phases: Phase[] = [];
  const program = {
    argv,
    env: { PATH: Bun.env["PATH"] ?? "" },
    maxLineBytes: 1_000_000,
    onStderr() {},
  };
  const endpoint = openProxy({
    start(options) {
      beforeStart();
      return startServerChild(program, options);
    },
    port,
    isGuarded: false,
    startTimeoutMs: 10_000,
    isListenedOn,
    askHealth: () => Promise.resolve(true),
    onEvent() {},
    onPhase: (phase) => void phases.push(phase),
    onOutput() {},
  });
  const gateway = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: (request) => endpoint.handle(request, { principal: "" }),
  });
  return {
    phases,
    ask: () => postTo(`http://127.0.0.1:${gateway.port}/mcp`, { jsonrpc: "2.0", method: "x" }),
    async [Symbol.asyncDispose]() {
      await endpoint.close(0);
      await gateway.stop(true);
    },
  };
}
