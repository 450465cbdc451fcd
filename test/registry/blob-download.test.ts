// A blob as one stream, from servers that break off, answer wrongly or send too much.

import { describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { digestOf } from "../../src/oci/digest.ts";
import { DownloadSlots } from "../../src/registry/download-slots.ts";
import { TRIES, type Retry } from "../../src/registry/retry.ts";
import { Random } from "../layers/fuzz/random.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { describeBlob, openBlob, type OpenBlobOptions } from "../support/open-blob.ts";
import { startWireServer, type WireAnswer, type WireRequest } from "../support/wire-server.ts";

const OFFSETS = 100;
const random = new Random(6, 1);
const BYTES = random.bytes(60_000);
const BLOB = describeBlob(BYTES);
const HALF = 30_000;

/** What becomes of the answer that a good server would give to the request with this number, from 0. */
type Fault = (proper: WireAnswer, nth: number) => Partial<WireAnswer>;

describe("a blob that comes well", () => {
  test("takes one request, without Range", async () => {
    await using server = await start(() => ({}));
    expect(await read(server)).toBe(BLOB.digest);
    expect(server.ranges()).toEqual(["none"]);
  });

  test("may be empty", async () => {
    const empty = new Uint8Array();
    await using server = await start(() => ({}), empty);
    const stream = await openBlob(server.port, describeBlob(empty));
    expect(await new Response(stream).bytes()).toEqual(empty);
  });

  test("gives its slot back", async () => {
    await using server = await start(() => ({}));
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
      await using server = await start((_, nth) => (nth === 0 ? { sent, ending } : {}));
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
    await using server = await start(() => ({ sent: 2000, ending: "hang" }));
    expect(await readAll(server, 2000, { patience })).toBe(BLOB.digest);
    expect(server.ranges()).toHaveLength(30);
    expect(new Set(patience.retries)).toEqual(new Set([2]));
  });

  test(`${TRIES} times without a byte is the end`, async () => {
    const patience = steps();
    await using server = await start(() => ({ sent: 0, ending: "close" }));
    const words = `127.0.0.1:${server.port} closes the connection`;
    await expectRefused(read(server, { patience }), "REGISTRY_UNREACHABLE", words);
    expect(server.ranges()).toEqual(Array(TRIES).fill("none"));
    expect(patience.retries).toEqual([2, 3, 4, 5]);
  });

  test("after the last byte does no harm", async () => {
    await using server = await start(() => ({ headers: [], ending: "reset" }));
    expect(await read(server)).toBe(BLOB.digest);
  });

  test("with a strong tag is taken up under that tag, with a weak one under none", async () => {
    for (const [etag, sent] of [
      ['"strong"', '"strong"'],
      ['W/"weak"', null],
    ] as const) {
      await using server = await start((proper, nth) => ({
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
    await using server = await start(fault);
    await expectRefused(read(server), code, words);
  });

  test("that is longer than the blob gives no byte beyond it", async () => {
    const body = Buffer.concat([BYTES, BYTES]);
    await using server = await start(() => ({ headers: [], body, ending: "hang" }));
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
    await using server = await start(() => encoded(coding, body));
    expect(await read(server)).toBe(BLOB.digest);
  });

  test("that was compressed on the way is asked for from its beginning when it breaks", async () => {
    const body = gzipSync(BYTES);
    await using server = await start((_, nth) => ({
      ...encoded("gzip", body),
      ...(nth === 0 ? { sent: HALF, ending: "close" } : {}),
    }));
    expect(await read(server)).toBe(BLOB.digest);
    expect(server.ranges()).toEqual(["none", "none"]);
  });

  test("of the blob's size is taken as it is, whatever coding it is said to have", async () => {
    await using server = await start((proper) => ({
      headers: [...proper.headers, ["content-encoding", "gzip"]],
    }));
    expect(await read(server)).toBe(BLOB.digest);
  });
});

describe("the rest of a blob", () => {
  const part = (range: string) => ({ status: 206, headers: [["content-range", range]] as const });
  const rows: readonly [string, Fault, string, string][] = [
    [
      "of which it is not said where it begins",
      () => ({ headers: [] }),
      "REGISTRY_RESPONSE_INVALID",
      "another part",
    ],
    [
      "from another byte on",
      () => part("bytes 0-59999/60000"),
      "REGISTRY_RESPONSE_INVALID",
      "another part (bytes 0-59999/60000)",
    ],
    [
      "of another whole",
      () => part("bytes 30000-59999/60001"),
      "DIGEST_MISMATCH",
      "offers 60001 bytes",
    ],
    [
      "that is not there",
      () => ({ status: 416, body: Buffer.alloc(0), headers: [["content-length", "0"]] }),
      "DIGEST_MISMATCH",
      "has no more than 30000 bytes",
    ],
    [
      "that is refused",
      () => ({ status: 404, body: Buffer.alloc(0), headers: [["content-length", "0"]] }),
      "REGISTRY_RESPONSE_INVALID",
      "answers 404",
    ],
  ];
  test.each(rows)("%s ends the download", async (_, fault, code, words) => {
    await using server = await start(halfThen(fault));
    await expectRefused(readAll(server, HALF), code, words);
    expect(server.ranges()).toEqual(["none", `bytes=${HALF}-`]);
  });

  test("may come with the whole", async () => {
    const whole = { status: 200, headers: [["content-length", "60000"]], body: BYTES } as const;
    await using server = await start(halfThen(() => whole));
    expect(await readAll(server, HALF)).toBe(BLOB.digest);
  });

  test("may come in pieces", async () => {
    await using server = await start(
      halfThen((_, nth) => {
        const [start, end] = nth === 1 ? [HALF, 40_000] : [40_000, 60_000];
        const body = BYTES.subarray(start, end);
        return {
          body,
          headers: [
            ["content-range", `bytes ${start}-${end - 1}/*`],
            ["content-length", String(body.length)],
          ],
        };
      }),
    );
    expect(await readAll(server, HALF)).toBe(BLOB.digest);
    expect(server.ranges()).toEqual(["none", "bytes=30000-", "bytes=40000-"]);
  });
});

describe("an address that is signed for a few minutes", () => {
  const denied = {
    status: 403,
    headers: [["content-length", "0"]],
    body: Buffer.alloc(0),
  } as const;

  test("is asked for again at the registry when it has run out", async () => {
    await using server = await start((_, nth) => (nth < 2 ? denied : {}));
    expect(await read(server, { isForeign: true })).toBe(BLOB.digest);
    expect(server.ranges()).toHaveLength(3);
  });

  test("is not asked for for ever", async () => {
    await using server = await start(() => denied);
    const download = read(server, { isForeign: true });
    await expectRefused(download, "REGISTRY_RESPONSE_INVALID", "answers 403");
    expect(server.ranges()).toHaveLength(3);
  });

  test("is another thing than the registry's own no", async () => {
    await using server = await start(() => denied);
    await expectRefused(read(server), "REGISTRY_RESPONSE_INVALID", "answers 403");
    expect(server.ranges()).toHaveLength(1);
  });
});

test("whoever stops to read ends the connection and gives the slot back", async () => {
  await using server = await start(() => ({ sent: HALF, ending: "hang" }));
  const slots = new DownloadSlots(1);
  const reader = (await openBlob(server.port, BLOB, { slots })).getReader();
  await reader.read();
  const pending = reader.read();
  await reader.cancel();
  expect((await pending).done).toBe(true);
  expect(slots.inUse).toBe(0);
  while (server.open > 0) await Bun.sleep(1);
});

/** A server of one blob that knows Range, except for its faults. */
async function start(fault: Fault, bytes: Uint8Array = BYTES) {
  const requests: WireRequest[] = [];
  const server = await startWireServer((request) => {
    const proper = properAnswer(request, bytes);
    requests.push(request);
    return { ...proper, ...fault(proper, requests.length - 1) };
  });
  const ranges = () => requests.map(({ headers }) => headers.get("range") ?? "none");
  return Object.assign(server, { requests, ranges });
}

function properAnswer({ headers }: WireRequest, bytes: Uint8Array): WireAnswer {
  const from = /^bytes=(\d+)-$/.exec(headers.get("range") ?? "")?.[1];
  const body = bytes.subarray(Number(from ?? 0));
  const length = ["content-length", String(body.length)] as const;
  if (from === undefined) return { status: 200, headers: [length], body };
  const range = ["content-range", `bytes ${from}-${bytes.length - 1}/${bytes.length}`] as const;
  return { status: 206, headers: [length, range], body };
}

// Half of the blob, and whatever then comes of the request for the rest.
function halfThen(fault: Fault): Fault {
  return (proper, nth) => (nth === 0 ? { sent: HALF, ending: "hang" } : fault(proper, nth));
}

function encoded(coding: string, body: Uint8Array): Partial<WireAnswer> {
  const length = ["content-length", String(body.length)] as const;
  return { headers: [["content-encoding", coding], length], body };
}

type Server = Awaited<ReturnType<typeof start>>;

async function read(server: Server, options?: OpenBlobOptions): Promise<string> {
  const stream = await openBlob(server.port, BLOB, options);
  return digestOf(await new Response(stream).bytes());
}

// The connection ends once what it has sent is here, so that nothing of it is lost.
async function readAll(server: Server, sent: number, options?: OpenBlobOptions): Promise<string> {
  const reader = (await openBlob(server.port, BLOB, options)).getReader();
  const chunks: Uint8Array[] = [];
  for (let bytes = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return digestOf(Buffer.concat(chunks));
    chunks.push(value);
    bytes += value.length;
    if (bytes % sent === 0) server.hangUp();
  }
}

function steps() {
  const retries: number[] = [];
  const clock = { now: Date.now, random: () => 0, wait: async () => {} };
  return { clock, retries, onRetry: ({ next }: Retry) => void retries.push(next) };
}
