// What comes of the request for the rest of a blob, and for an address that has run out.

import { describe, expect, test } from "bun:test";
import {
  BLOB,
  BYTES,
  type Fault,
  HALF,
  read,
  readAll,
  startBlobServer,
} from "../support/blob-server.ts";
import { expectRefused } from "../support/expect-refused.ts";

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
    await using server = await startBlobServer(halfThen(fault));
    await expectRefused(readAll(server, HALF), code, words);
    expect(server.ranges()).toEqual(["none", `bytes=${HALF}-`]);
  });

  test("may come with the whole", async () => {
    const whole = { status: 200, headers: [["content-length", "60000"]], body: BYTES } as const;
    await using server = await startBlobServer(halfThen(() => whole));
    expect(await readAll(server, HALF)).toBe(BLOB.digest);
  });

  test("may come in pieces", async () => {
    await using server = await startBlobServer(
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
    await using server = await startBlobServer((_, nth) => (nth < 2 ? denied : {}));
    expect(await read(server, { isForeign: true })).toBe(BLOB.digest);
    expect(server.ranges()).toHaveLength(3);
  });

  test("is not asked for for ever", async () => {
    await using server = await startBlobServer(() => denied);
    const download = read(server, { isForeign: true });
    await expectRefused(download, "REGISTRY_RESPONSE_INVALID", "answers 403");
    expect(server.ranges()).toHaveLength(3);
  });

  test("is another thing than the registry's own no", async () => {
    await using server = await startBlobServer(() => denied);
    await expectRefused(read(server), "REGISTRY_RESPONSE_INVALID", "answers 403");
    expect(server.ranges()).toHaveLength(1);
  });
});

// Half of the blob, and whatever then comes of the request for the rest.
function halfThen(fault: Fault): Fault {
  return (proper, nth) => (nth === 0 ? { sent: HALF, ending: "hang" } : fault(proper, nth));
}
