// Clients of 2026-07-28, who share one process of the server: what one of them does must not be the others' loss.

import { expect, test } from "bun:test";
import { modernServer, serveModern } from "../bridge/modern-support.ts";
import { until } from "../support/conditions.ts";

const DEAF = `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;

test("requests that the server does not take are refused once there are too many", async () => {
  await using server = modernServer(DEAF);
  await using modern = serveModern(server, { maxBodyBytes: 8_388_608 });
  const leaving = new AbortController();
  const options = { params: { padding: "x".repeat(7_000_000) }, signal: leaving.signal };
  const statuses: number[] = [];
  const calls = Array.from({ length: 12 }, async () => {
    const response = await modern.call("x/deaf", options);
    statuses.push(response.status);
    await response.body?.cancel();
  });
  await until(() => statuses.filter((status) => status === 503).length >= 6);
  const body = JSON.stringify({ jsonrpc: "2.0", method: "notifications/x" });
  expect((await modern.post(body, { "mcp-protocol-version": "2026-07-28" })).status).toBe(503);
  leaving.abort();
  await Promise.allSettled(calls);
}, 20_000);

test.each(["initialize", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"])(
  "%s, which would change something for all of them, does not reach the server",
  async (method) => {
    await using server = modernServer(`say({ id, result: { resultType: "complete", line } });`);
    await using modern = serveModern(server);
    const refused = await modern.call(method);
    expect([refused.status, await refused.json()]).toMatchObject([
      404,
      { error: { code: -32601 } },
    ]);
    expect((await modern.call("x/other")).status).toBe(200);
  },
);
