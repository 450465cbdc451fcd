import { describe, expect, test } from "bun:test";
import { statusLine } from "../../src/stages/progress.ts";

const state = { received: 38_200_000, bytes: 127_700_000, done: 3, layers: 8, elapsedMs: 1_000 };

describe("statusLine", () => {
  test("tells bytes, rate, layers and the time left", () => {
    expect(statusLine(state)).toBe("38.2 of 127.7 MB, 38.2 MB/s, 3 of 8 layers, 3 s left");
  });

  test("promises nothing in the first moments", () => {
    expect(statusLine({ ...state, elapsedMs: 100 })).toBe("38.2 of 127.7 MB, 3 of 8 layers");
  });

  test("has no time left when everything has come", () => {
    expect(statusLine({ ...state, received: state.bytes, elapsedMs: 2_000 })).toBe(
      "127.7 of 127.7 MB, 63.9 MB/s, 3 of 8 layers",
    );
  });
});
