// What a stream of events looks like on the wire, and when its writer has to wait.

import { describe, expect, test } from "bun:test";
import { openEventStream } from "../../../src/gateway/http/event-stream.ts";

describe("a stream of events", () => {
  test("is what clients and proxies expect", () => {
    const { response } = openEventStream({ headers: { "x-own": "1" }, onGone() {} });
    expect(Object.fromEntries(response.headers)).toEqual({
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
      "x-own": "1",
    });
  });

  test("begins with a comment, which carries the headers to the client", async () => {
    const stream = openEventStream({ onGone() {} });
    void stream.send("{}");
    stream.end();
    expect(await stream.response.text()).toBe(":\n\ndata: {}\n\n");
  });

  test("begins with an id and no data where a client can resume from there", async () => {
    const stream = openEventStream({ prime: { id: "0-0", retryMs: 500 }, onGone() {} });
    void stream.send("{}", "0-1");
    stream.end();
    expect(await stream.response.text()).toBe(
      "id: 0-0\nretry: 500\ndata:\n\nid: 0-1\ndata: {}\n\n",
    );
  });

  test("has a comment where nothing has been sent between two beats", async () => {
    const stream = openEventStream({ onGone() {} });
    stream.beat();
    void stream.send("1");
    stream.beat();
    stream.beat();
    stream.end();
    expect(await stream.response.text()).toBe(":\n\ndata: 1\n\n:\n\n");
  });

  test("lets its writer wait while its reader is slow, and no longer", async () => {
    const stream = openEventStream({ onGone() {} });
    expect(stream.send("short")).toBeUndefined();
    const taken = stream.send("x".repeat(100_000));
    expect(taken).toBeInstanceOf(Promise);
    const reader = stream.response.body?.getReader();
    while ((await Promise.race([taken, pending(reader?.read())])) === PENDING);
    stream.end();
  });

  test("lets nobody wait when it ends or its reader has left", async () => {
    for (const leave of ["end", "cancel"] as const) {
      let gone = 0;
      const stream = openEventStream({ onGone: () => void gone++ });
      const taken = stream.send("x".repeat(100_000));
      if (leave === "end") stream.end();
      else await stream.response.body?.cancel();
      await taken;
      expect([stream.closed, gone]).toEqual([true, leave === "end" ? 0 : 1]);
      expect(stream.send("more")).toBeUndefined();
      stream.beat();
      stream.end();
    }
  });
});

const PENDING = Symbol("pending");

async function pending(read: Promise<unknown> | undefined): Promise<typeof PENDING> {
  await read;
  return PENDING;
}
