import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { hardenBinary } from "../../scripts/harden-binary.ts";

const architecture = process.arch === "arm64" ? "arm64" : "x64";
const bun = readFileSync(process.execPath);

describe("hardenBinary", () => {
  test("takes out the names and leaves the size", () => {
    const hardened = Buffer.from(hardenBinary(bun, architecture));
    expect(hardened.byteLength).toBe(bun.byteLength);
    expect(bun.includes("\0BUN_OPTIONS\0")).toBe(true);
    expect(hardened.includes("\0BUN_OPTIONS\0")).toBe(false);
    expect(() => hardenBinary(hardened, architecture)).toThrow("not found");
  });

  test("refuses what is not Bun", () => {
    expect(() => hardenBinary(new Uint8Array(1000), architecture)).toThrow("BUN_BE_BUN");
  });

  test("refuses a Bun that knows one variable more than was looked at", () => {
    const names = ["ONE", "TWO", "THREE"].map((name) => `\0BUN_NOBODY_KNOWS_${name}\0`);
    const larger = Buffer.concat([bun, Buffer.from(names.join(""))]);
    expect(() => hardenBinary(larger, architecture)).toThrow("environment variables");
  });

  test("refuses a Bun in which the check for the engine's options is not found", () => {
    const other = architecture === "x64" ? "arm64" : "x64";
    expect(() => hardenBinary(bun, other)).toThrow("BUN_JSC_");
  });
});
