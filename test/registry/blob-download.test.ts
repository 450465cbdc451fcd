// A blob as one stream, from servers that break off, answer wrongly or send too much. What becomes of the request for the
// rest is blob-rest.test.ts.

import { describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { DownloadSlots } from "../../src/registry/download-slots.ts";
import { TRIES, type Retry } from "../../src/registry/retry.ts";
import { Random } from "../layers/fuzz/random.ts";
import { expectRefused } from "../support/expect-refused.ts";
import {
  BLOB,
  BYTES,
  type Fault,
  HALF,
  read,
  readAll,
  startBlobServer,
} from "../support/blob-server.ts";
import { describeBlob, openBlob } from "../support/open-blob.ts";
import type { WireAnswer } from "../support/wire-server.ts";

const OFFSETS = 100;
const random = new Random(7, 1);

describe("a blob that comes well", () => {
  test("takes one request, without Range", async () => {
    await using server = await startBlobServer(() => ({}));
    expect(await read(server)).toBe(BLOB.digest);
    expect(server.ranges()).toEqual(["none"]);
  });

  test("may be empty", async () => {
    const empty = new Uint8Array();
    await using server = await startBlobServer(() => ({}), empty);
    const stream = await openBlob(server.port, describeBlob(empty));
    expect(await new Response(stream).bytes()).toEqual(empty);
  });

  test("gives its slot back", async () => {
    await using server = await startBlobServer(() => ({}));
    const slots = new DownloadSlots(1);
    for (let round = 0; round < 3; round += 1) await read(server, { slots });
    expect(slots.inUse).toBe(0);
  });
});

describe("a connection that breaks", () => {
  test(`at each of ${OFFSETS} places costs one more request, for the rest`, async () => {
    for (let round = 0; round < OFFSETS; round += 1) {
      const sent = random.below(BYTES.length);
      const ending = random.pick(["close", "reset"] as const);
      await using server = await startBlobServer((_, nth) => (nth === 0 ? { sent, ending } : {}));
      expect({ sent, ending, digest: await read(server) }).toEqual({
        sent,
        ending,
        digest: BLOB.digest,
      });
      expect(server.ranges()).toHaveLength(2);
      // What has come shortly before the end may never be seen.
      const from = /^bytes=(\d+)-$/.exec(server.ranges()[1] ?? "bytes=0-")?.[1];
      expect(Number(from ?? 0)).toBeLessThanOrEqual(sent);
    }
  });

  test("again and again is no matter as long as bytes come", async () => {
    const patience = steps();
    await using server = await startBlobServer(() => ({ sent: 2000, ending: "hang" }));
    expect(await readAll(server, 2000, { patience })).toBe(BLOB.digest);
    expect(server.ranges()).toHaveLength(30);
    expect(new Set(patience.retries)).toEqual(new Set([2]));
  });

  test(`${TRIES} times without a byte is the end`, async () => {
    const patience = steps();
    await using server = await startBlobServer(() => ({ sent: 0, ending: "close" }));
    const words = `127.0.0.1:${server.port} closes the connection`;
    await expectRefused(read(server, { patience }), "REGISTRY_UNREACHABLE", words);
    expect(server.ranges()).toEqual(Array(TRIES).fill("none"));
    expect(patience.retries).toEqual([2, 3, 4, 5]);
  });

  test("after the last byte does no harm", async () => {
    await using server = await startBlobServer(() => ({ headers: [], ending: "reset" }));
    expect(await read(server)).toBe(BLOB.digest);
  });

  test("with a strong tag is taken up under that tag, with a weak one under none", async () => {
    for (const [etag, sent] of [
      ['"strong"', '"strong"'],
      ['W/"weak"', null],
    ] as const) {
      await using server = await startBlobServer((proper, nth) => ({
        headers: [...proper.headers, ["etag", etag]],
        ...(nth === 0 ? { sent: HALF, ending: "hang" } : {}),
      }));
      expect(await readAll(server, HALF)).toBe(BLOB.digest);
      expect(server.requests.map(({ headers }) => headers.get("if-range"))).toEqual([null, sent]);
    }
  });
});

describe("a body", () => {
  const refusals: readonly [string, Fault, string, string][] = [
    [
      "that announces another size",
      () => ({ headers: [["content-length", "59999"]], sent: 0 }),
      "DIGEST_MISMATCH",
      "offers 59999 bytes as blob",
    ],
    [
      "that is longer than the blob, without saying so",
      () => ({ headers: [], body: Buffer.concat([BYTES, BYTES]), ending: "close" }),
      "DIGEST_MISMATCH",
      "is longer than the 60000 bytes",
    ],
    [
      "that ends early every time, as if it were whole",
      () => ({ status: 200, headers: [], body: BYTES.subarray(0, HALF), ending: "close" }),
      "DIGEST_MISMATCH",
      "after 30000 of 60000 bytes",
    ],
    [
      "in a coding that nobody has asked for",
      () => ({ headers: [["content-encoding", "br"]], ending: "close" }),
      "REGISTRY_RESPONSE_INVALID",
      'in the content encoding "br"',
    ],
    [
      "that is not encoded as it says",
      () => ({ headers: [["content-encoding", "gzip"]], ending: "close" }),
      "DIGEST_MISMATCH",
      "not encoded as it says",
    ],
    [
      "that is longer than the blob when it is decoded",
      () => encoded("gzip", gzipSync(Buffer.concat([BYTES, BYTES]))),
      "DIGEST_MISMATCH",
      "is longer than the 60000 bytes",
    ],
  ];
  test.each(refusals)("%s is refused", async (_, fault, code, words) => {
    await using server = await startBlobServer(fault);
    await expectRefused(read(server), code, words);
  });

  test("that is longer than the blob gives no byte beyond it", async () => {
    const body = Buffer.concat([BYTES, BYTES]);
    await using server = await startBlobServer(() => ({ headers: [], body, ending: "hang" }));
    const reader = (await openBlob(server.port, BLOB)).getReader();
    let bytes = 0;
    const drain = async () => {
      for (let next = await reader.read(); !next.done; next = await reader.read())
        bytes += next.value.length;
    };
    await expectRefused(drain(), "DIGEST_MISMATCH", "is longer");
    expect(bytes).toBeLessThanOrEqual(BYTES.length);
  });

  test.each([
    ["gzip", gzipSync(BYTES)],
    ["x-gzip", gzipSync(BYTES)],
    ["zstd", zstdCompressSync(BYTES)],
  ] as const)("that was compressed with %s on the way is decoded", async (coding, body) => {
    await using server = await startBlobServer(() => encoded(coding, body));
    expect(await read(server)).toBe(BLOB.digest);
  });

  test("that was compressed on the way is asked for from its beginning when it breaks", async () => {
    const body = gzipSync(BYTES);
    await using server = await startBlobServer((_, nth) => ({
      ...encoded("gzip", body),
      ...(nth === 0 ? { sent: HALF, ending: "close" } : {}),
    }));
    expect(await read(server)).toBe(BLOB.digest);
    expect(server.ranges()).toEqual(["none", "none"]);
  });

  test("of the blob's size is taken as it is, whatever coding it is said to have", async () => {
    await using server = await startBlobServer((proper) => ({
      headers: [...proper.headers, ["content-encoding", "gzip"]],
    }));
    expect(await read(server)).toBe(BLOB.digest);
  });
});

test("whoever stops to read ends the connection and gives the slot back", async () => {
  await using server = await startBlobServer(() => ({ sent: HALF, ending: "hang" }));
  const slots = new DownloadSlots(1);
  const reader = (await openBlob(server.port, BLOB, { slots })).getReader();
  await reader.read();
  const pending = reader.read();
  await reader.cancel();
  expect((await pending).done).toBe(true);
  expect(slots.inUse).toBe(0);
  while (server.open > 0) await Bun.sleep(1);
});

function encoded(coding: string, body: Uint8Array): Partial<WireAnswer> {
  const length = ["content-length", String(body.length)] as const;
  return { headers: [["content-encoding", coding], length], body };
}

function steps() {
  const retries: number[] = [];
  const clock = { now: Date.now, random: () => 0, wait: async () => {} };
  return { clock, retries, onRetry: ({ next }: Retry) => void retries.push(next) };
}
