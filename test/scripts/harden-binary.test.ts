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
    expect(() => hardenBinary(new Uint8Array(1000), architecture)).toThrow("not an ELF file");
    const shell = readFileSync("/bin/sh");
    expect(() => hardenBinary(shell, architecture)).toThrow("BUN_BE_BUN");
  });

  test("refuses a Bun that knows more variables than were looked at", () => {
    const other = Buffer.from(bun);
    // Three messages become names.
    for (const name of ["\0BUN_A_B\0", "\0BUN_C_D\0", "\0BUN_E_F\0"]) {
      other.write(name, other.indexOf("\0cannot "), "latin1");
    }
    expect(() => hardenBinary(other, architecture)).toThrow("environment variables");
  });

  test("refuses a Bun in which the check for the engine's options is not found", () => {
    const other = architecture === "x64" ? "arm64" : "x64";
    expect(() => hardenBinary(bun, other)).toThrow("BUN_JSC_");
  });
});
