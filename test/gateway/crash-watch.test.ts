import { describe, expect, test } from "bun:test";
import { createCrashWatch } from "../../src/gateway/crash-watch.ts";

describe("createCrashWatch", () => {
  test("waits twice as long each time, and at most half a minute", () => {
    const watch = createCrashWatch();
    const waits = Array.from({ length: 11 }, () => watch.ended(1_000));
    expect(waits).toEqual([0, 250, 500, 1e3, 2e3, 4e3, 8e3, 16e3, 3e4, 3e4, 3e4]);
    expect(watch.crashes).toBe(11);
  });

  test("calls it a loop from the third time in a row", () => {
    const watch = createCrashWatch();
    const loops = [1, 2, 3].map(() => (watch.ended(0), watch.isLooping));
    expect(loops).toEqual([false, false, true]);
  });

  test("forgets what was before a minute in order", () => {
    const watch = createCrashWatch();
    for (let crash = 0; crash < 5; crash++) watch.ended(59_999);
    expect(watch.isLooping).toBe(true);
    expect(watch.ended(60_000)).toBe(0);
    expect(watch.isLooping).toBe(false);
    expect(watch.ended(0)).toBe(250);
  });
});
