import { describe, expect, test } from "bun:test";
import { watchStall } from "../../src/system/stall.ts";

const STALL_MS = 20;

describe("watchStall", () => {
  test("calls when a reader waits too long, and lets the source decide what follows", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => promise.then(() => controller.error(new Error("the source gave up"))),
    });
    const watched = watchStall(source, { stallMs: STALL_MS, onStall: resolve });
    expect(new Response(watched).bytes()).rejects.toThrow("the source gave up");
    await promise;
  });

  test("does not count the time in which nobody reads", async () => {
    let stalls = 0;
    const source = new Blob(["bytes"]).stream();
    const watched = watchStall(source, { stallMs: STALL_MS, onStall: () => stalls++ });
    // There is nothing to wait for: the point is that nothing happens.
    await Bun.sleep(3 * STALL_MS);
    expect(await new Response(watched).text()).toBe("bytes");
    await Bun.sleep(3 * STALL_MS);
    expect(stalls).toBe(0);
  });

  test("tells when the source has ended, and hands on a failure in its reader's words", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const watch = { stallMs: 10_000, onStall: () => {} };
    const whole = watchStall(new Blob(["bytes"]).stream(), { ...watch, onEnd: resolve });
    expect(await new Response(whole).text()).toBe("bytes");
    await promise;
    const failing = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error("ECONNRESET")),
    });
    const translated = watchStall(failing, {
      ...watch,
      translate: () => new Error("it broke off"),
    });
    expect(new Response(translated).bytes()).rejects.toThrow("it broke off");
  });

  test("ends the source when its reader leaves", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const source = new ReadableStream<Uint8Array>({ cancel: resolve });
    await watchStall(source, { stallMs: STALL_MS, onStall: () => {} }).cancel("enough");
    expect(await promise).toBe("enough");
  });
});
