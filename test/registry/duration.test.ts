import { expect, test } from "bun:test";
import { inWords } from "../../src/registry/duration.ts";

test.each([
  [0, "0 seconds"],
  [200, "0.2 seconds"],
  [1000, "1 second"],
  [1234, "1.2 seconds"],
  [59_600, "60 seconds"],
  [60_000, "1 minute"],
  [90_000, "90 seconds"],
  [900_000, "15 minutes"],
  [3_600_000, "1 hour"],
  [5_400_000, "90 minutes"],
  [21_600_000, "6 hours"],
  [86_400_000, "1 day"],
  [129_600_000, "36 hours"],
  [604_800_000, "7 days"],
])("%i milliseconds are %s", (ms, words) => {
  expect(inWords(ms)).toBe(words);
});
