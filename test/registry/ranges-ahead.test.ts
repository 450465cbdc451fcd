// Large blobs from servers that are slow: over several connections where that helps, and never in other bytes.

import { expect, test } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { DownloadSlots } from "../../src/registry/download-slots.ts";
import { AheadBudget } from "../../src/registry/ranges-ahead.ts";
import { describeBlob, openBlob, type OpenBlobOptions } from "../support/open-blob.ts";
import {
  startSlowServer,
  type SlowServer,
  type SlowServerOptions,
} from "../support/slow-server.ts";

const BYTES = new Uint8Array(12 * 1024 ** 2);
for (let at = 0; at < BYTES.length; at += 1) BYTES[at] = (at * 2654435761) >>> 24;
const BLOB = describeBlob(BYTES);
/** All of the blob takes three seconds: worth while, and no longer than a test may last. */
const SLOW = 4 * 1024 ** 2;
const BOUNDED = /^\d+-\d+$/;

test("a blob that would take long comes over as many connections as there are slots", async () => {
  using server = await start({});
  const slots = new DownloadSlots(4);
  expect(await read(server, { slots })).toBe(BLOB.digest);
  expect(server.ranges[0]).toBe("none");
  const asked = server.ranges.slice(1).map(parse);
  expect(asked.length).toBeGreaterThanOrEqual(3);
  // One begins where the one before it ends, and the last ends with the blob.
  expect(asked.slice(1).map(({ start }) => start)).toEqual(
    asked.slice(0, -1).map(({ end }) => end),
  );
  expect(asked.at(-1)?.end).toBe(BYTES.length);
  expect(server.mostOpen).toBe(4);
  expect(slots.inUse).toBe(0);
});

test("one slot is one connection", async () => {
  using server = await start({ bytesPerSecond: 3 * SLOW });
  expect(await read(server, { slots: new DownloadSlots(1) })).toBe(BLOB.digest);
  expect(server.ranges).toEqual(["none"]);
});

test("a server that is fast enough is asked once", async () => {
  using server = await start({ bytesPerSecond: 100 * SLOW });
  expect(await read(server)).toBe(BLOB.digest);
  expect(server.ranges).toEqual(["none"]);
});

test("a server that knows no ranges and says so is not asked for them", async () => {
  using server = await start({ header: "accept-ranges: none\r\n" });
  expect(await read(server)).toBe(BLOB.digest);
  expect(server.ranges).toEqual(["none"]);
});

test("a server that answers a range with the whole is never asked for one again", async () => {
  using server = await start({ ignoresRange: true });
  const budget = new AheadBudget();
  const first = (await openBlob(server.port, BLOB, { budget })).getReader();
  while (!budget.isRefused) await first.read();
  await first.cancel();
  const asked = server.ranges.filter((range) => BOUNDED.test(range)).length;
  expect(await read(server, { budget })).toBe(BLOB.digest);
  expect(server.ranges.filter((range) => BOUNDED.test(range))).toHaveLength(asked);
});

test("what a broken range lacks is asked for plainly", async () => {
  using server = await start({ breaksAfter: ({ start, end }) => (end - start) >> 1 });
  const slots = new DownloadSlots(4);
  expect(await read(server, { slots })).toBe(BLOB.digest);
  expect(server.ranges.filter((range) => range.endsWith("-")).length).toBeGreaterThan(0);
  expect(slots.inUse).toBe(0);
});

test("whoever stops to read ends all connections, and gives back slots and memory", async () => {
  using server = await start({});
  const slots = new DownloadSlots(4);
  const budget = new AheadBudget();
  const free = budget.freeBytes;
  const reader = (await openBlob(server.port, BLOB, { slots, budget })).getReader();
  while (server.open < 4) await reader.read();
  expect(budget.freeBytes).toBeLessThan(free);
  await reader.cancel();
  while (server.open > 0 || slots.inUse > 0) await Bun.sleep(1);
  expect(budget.freeBytes).toBe(free);
});

test("a range that is fetched ahead makes room for another blob when it is done", async () => {
  using server = await start({});
  const slots = new DownloadSlots(4);
  const first = (await openBlob(server.port, BLOB, { slots })).getReader();
  while (server.open < 4) await first.read();
  // Nobody reads the first any more: its ranges end by themselves.
  expect(await read(server, { slots })).toBe(BLOB.digest);
  await first.cancel();
});

function start(options: Partial<SlowServerOptions>): Promise<SlowServer> {
  return startSlowServer(BYTES, { bytesPerSecond: SLOW, ...options });
}

async function read(server: SlowServer, options?: OpenBlobOptions): Promise<string> {
  const stream = await openBlob(server.port, BLOB, options);
  return digestOf(await new Response(stream).bytes());
}

function parse(range: string): { readonly start: number; readonly end: number } {
  const [start = "", last = ""] = range.split("-");
  return { start: Number(start), end: Number(last) + 1 };
}
