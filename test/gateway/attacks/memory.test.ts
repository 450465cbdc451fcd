// Servers and clients that would fill the gateway's memory or take its time: with answers that nobody comes for, with
// questions that nobody hears, with more messages than anybody has to say.

import { expect, test } from "bun:test";
import { settled, until } from "../support/conditions.ts";
import { scriptedBridge } from "../support/scripted-bridge.ts";
import { messagesOf, openWireSession, postTo, type WireSession } from "../support/wire-client.ts";

const MEBIBYTE = 1_048_576;

test("of long answers that nobody has heard only the newest is kept", async () => {
  await using bridge = scriptedBridge();
  const session = await openWireSession(bridge.url);
  for (const id of [1, 2, 3]) await leaveStreamOf(session, id);
  const text = "x".repeat(2 * MEBIBYTE);
  const lines = [1, 2, 3].map((id) => JSON.stringify({ jsonrpc: "2.0", id, result: { text } }));
  await session.call("s", "say", { lines });
  const resume = async (id: number) => {
    const response = await session.listen({ "last-event-id": `${id}-1` });
    if (response.ok) return (await Array.fromAsync(messagesOf(response))).at(-1).result.text;
    await response.body?.cancel();
    return response.status;
  };
  while ((await resume(1)) !== 400) await Bun.sleep(20);
  expect([await resume(2), await resume(3)]).toEqual([400, text]);
});

test("a server that asks without end and does not read has to wait", async () => {
  const blocks = 2_000;
  await using bridge = scriptedBridge({ argv: [process.execPath, "-e", asksForEver(blocks)] });
  await openWireSession(bridge.url);
  await until(() => bridge.stderr.length > 0);
  expect(await settled(() => bridge.stderr.length)).toBeLessThan(blocks / 2);
}, 20_000);

test("a server that says much before it is asked anything has to wait", async () => {
  const lines = 16;
  const script = `
    const { writeSync } = require("node:fs");
    for (let line = 0; line < ${lines}; line++) {
      writeSync(1, "x".repeat(${MEBIBYTE}) + "\\n");
      writeSync(2, "said\\n");
    }
  `;
  await using bridge = scriptedBridge({ argv: [process.execPath, "-e", script] });
  await until(() => bridge.stderr.length > 0);
  expect(await settled(() => bridge.stderr.length)).toBeLessThan(lines / 2);
});

test("16 MB of brackets are refused, and cost no memory", async () => {
  await using bridge = scriptedBridge({ limits: { maxBodyBytes: 16 * MEBIBYTE } });
  const body = "[".repeat(16 * MEBIBYTE);
  const before = process.memoryUsage.rss();
  expect((await postTo(bridge.url, body)).status).toBe(400);
  expect(process.memoryUsage.rss() - before).toBeLessThan(200 * MEBIBYTE);
});

test("a batch of more messages than anybody has to say is refused", async () => {
  await using bridge = scriptedBridge();
  const session = await openWireSession(bridge.url, { revision: "2025-03-26" });
  const notification = { jsonrpc: "2.0", method: "x" };
  expect((await session.post(Array(1_024).fill(notification))).status).toBe(202);
  const refused = await session.post(Array(1_025).fill(notification));
  expect([refused.status, await refused.json()]).toMatchObject([400, { error: { code: -32600 } }]);
});

/** Makes a request whose answer has become a stream, and leaves. */
async function leaveStreamOf(session: WireSession, id: number): Promise<void> {
  const leaving = new AbortController();
  const params = { _meta: { progressToken: id } };
  const held = session.post({ jsonrpc: "2.0", id, method: "hold", params }, {}, leaving.signal);
  await held;
  leaving.abort();
}

function asksForEver(blocks: number): string {
  return `
    const { writeSync } = require("node:fs");
    const buffer = Buffer.alloc(65536);
    const size = require("node:fs").readSync(0, buffer);
    const { id } = JSON.parse(buffer.toString("utf8", 0, size));
    const result = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: {} };
    writeSync(1, JSON.stringify({ jsonrpc: "2.0", id, result }) + "\\n");
    let asked = 0;
    for (let block = 0; block < ${blocks}; block++) {
      let lines = "";
      for (let line = 0; line < 1_000; line++) {
        lines += '{"jsonrpc":"2.0","id":' + ++asked + ',"method":"x"}\\n';
      }
      writeSync(1, lines);
      writeSync(2, "asked " + asked + "\\n");
    }
    setInterval(() => {}, 1_000);
  `;
}
