// A short run of the fuzz target, and everything that long ones have found. `bun run fuzz` goes on for as long as wanted.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkDecompression } from "./fuzz/decompress-check.ts";
import { Inputs, isCompressed } from "./fuzz/input.ts";
import { checkReader } from "./fuzz/reader-check.ts";
import { Cage } from "./fuzz/unpack-check.ts";

const FIXTURES = join(import.meta.dir, "../fixtures/fuzz");
const fixtures = existsSync(FIXTURES) ? readdirSync(FIXTURES) : [];

describe("archives that once broke a promise", () => {
  for (const name of fixtures) {
    test(`${name} is read the same in pieces and stays in its root`, async () => {
      using cage = new Cage(tmpdir());
      const input = readFileSync(join(FIXTURES, name));
      checkReader(input);
      checkDecompression(input);
      await cage.check(input);
    });
  }
});

describe("damaged archives", () => {
  test("read the same in any pieces, with the content that they announce and safe names", () => {
    const inputs = new Inputs(7);
    const numbers = Array.from({ length: 4000 }, (_, number) => number);
    const accepted = numbers.filter((number) => checkReader(inputs.input(number)).isAccepted);
    expect(accepted.length).toBeGreaterThan(400);
  }, 30_000);

  test("decompress to the same bytes in any pieces, or in none", () => {
    const inputs = new Inputs(9);
    const numbers = Array.from({ length: 6000 }, (_, number) => number);
    const blobs = numbers.map((number) => inputs.input(number)).filter(isCompressed);
    for (const blob of blobs) checkDecompression(blob);
    expect(blobs.length).toBeGreaterThan(500);
  }, 30_000);

  test("become a whole root or none, and reach nothing outside", async () => {
    using cage = new Cage(tmpdir());
    const inputs = new Inputs(8);
    let roots = 0;
    for (let number = 0; number < 50; number += 1) {
      if ((await cage.check(inputs.input(number))).isAccepted) roots += 1;
    }
    expect(roots).toBeGreaterThan(2);
  }, 30_000);
});
