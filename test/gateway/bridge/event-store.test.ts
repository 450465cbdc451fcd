import { describe, expect, test } from "bun:test";
import { EventStore, MAX_STORED_CHARACTERS } from "../../../src/gateway/bridge/event-store.ts";

const MINUTE = 60_000;

describe("an event store", () => {
  test("numbers events from one, those without a line too", () => {
    const store = new EventStore();
    expect([store.add("a"), store.add(undefined), store.add("c")]).toEqual([1, 2, 3]);
    expect(lines(store, 0)).toEqual(["a", "c"]);
    expect(lines(store, 2)).toEqual(["c"]);
    expect(lines(store, 3)).toEqual([]);
  });

  test("keeps the latest 256 events", () => {
    const store = new EventStore();
    for (let index = 1; index <= 300; index++) store.add(String(index));
    expect(lines(store, 0)).toEqual(Array.from({ length: 256 }, (_, index) => String(index + 45)));
  });

  test("keeps the latest of a million characters, and the very latest whatever its length", () => {
    const store = new EventStore();
    const third = "x".repeat(MAX_STORED_CHARACTERS / 3);
    for (let index = 0; index < 10; index++) store.add(third);
    expect([lines(store, 0).length, store.characters]).toEqual([3, 3 * third.length]);
    const long = "y".repeat(2 * MAX_STORED_CHARACTERS);
    store.add(long);
    expect(lines(store, 0)).toEqual([long]);
    expect(store.characters).toBe(long.length);
  });

  test("forgets events after five minutes, and never their numbers", () => {
    const store = new EventStore();
    store.add("a");
    const now = performance.now();
    store.expire(now + 4 * MINUTE);
    expect(lines(store, 0)).toEqual(["a"]);
    store.expire(now + 6 * MINUTE);
    expect([lines(store, 0), store.characters, store.sequence]).toEqual([[], 0, 1]);
  });
});

function lines(store: EventStore, after: number): readonly string[] {
  return store.after(after).map(({ line }) => line);
}
