// Who may download at once, and in which order.

import { expect, test } from "bun:test";
import { DownloadSlots } from "../../src/registry/download-slots.ts";
import { describeBlob, openBlob } from "../support/open-blob.ts";
import { startWireServer } from "../support/wire-server.ts";

const { signal } = new AbortController();

test("a slot goes to whoever has waited longest", async () => {
  const slots = new DownloadSlots(1);
  const held = await slots.acquire(signal);
  const order: string[] = [];
  const waiting = ["first", "second", "third"].map(async (name) => {
    const slot = await slots.acquire(signal);
    order.push(name);
    slot.release();
  });
  held.release();
  await Promise.all(waiting);
  expect(order).toEqual(["first", "second", "third"]);
  expect(slots.inUse).toBe(0);
});

test("a slot that nobody needs is not taken before those who wait", async () => {
  const slots = new DownloadSlots(1);
  const held = await slots.acquire(signal);
  const waiting = slots.acquire(signal);
  held.release();
  expect(slots.tryAcquire()).toBeUndefined();
  (await waiting).release();
  expect(slots.tryAcquire()).toBeDefined();
});

test("a slot that is released twice is one slot", async () => {
  const slots = new DownloadSlots(2);
  const [one] = [await slots.acquire(signal), await slots.acquire(signal)];
  one.release();
  one.release();
  expect(slots.inUse).toBe(1);
});

test("whoever gives up waiting loses no slot", async () => {
  const slots = new DownloadSlots(1);
  const held = await slots.acquire(signal);
  const impatient = new AbortController();
  const gone = slots.acquire(impatient.signal);
  const next = slots.acquire(signal);
  impatient.abort(new Error("enough"));
  held.release();
  expect(gone).rejects.toThrow("enough");
  (await next).release();
  expect(slots.inUse).toBe(0);
});

test("blobs that are opened and not read make room for one that somebody waits for", async () => {
  const bytes = Buffer.alloc(3_000_000, "blob");
  const blob = describeBlob(bytes);
  await using server = await startWireServer(({ headers }) => {
    const from = Number(/^bytes=(\d+)-$/.exec(headers.get("range") ?? "")?.[1] ?? 0);
    const body = bytes.subarray(from);
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    const length = String(body.length);
    return {
      status: from === 0 ? 200 : 206,
      headers: [
        ["content-length", length],
        ["content-range", range],
      ],
      body,
    };
  });
  const slots = new DownloadSlots(2);
  const open = () => openBlob(server.port, blob, { slots, idleMs: 10 });
  const readers = [(await open()).getReader(), (await open()).getReader()];
  let bytesOfFirst = (await readers[0]?.read())?.value?.length ?? 0;
  const others = [await open(), await open()];
  expect(slots.inUse).toBe(2);
  for (const other of others) expect(await new Response(other).bytes()).toEqual(bytes);
  for (let next = await readers[0]?.read(); next?.done === false; next = await readers[0]?.read())
    bytesOfFirst += next.value.length;
  expect(bytesOfFirst).toBe(bytes.length);
  await readers[1]?.cancel();
  expect(slots.inUse).toBe(0);
});
