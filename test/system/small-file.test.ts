import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { readSmallFile } from "../../src/system/small-file.ts";
import { tempDir } from "../support/temp-dir.ts";

const LIMIT = 100_000;

test.each([
  [0, 0],
  [1, 1],
  [LIMIT, LIMIT],
  [LIMIT + 1, undefined],
])("of a file with %d bytes, 100000 being allowed, %p are read", async (size, read) => {
  using dir = tempDir();
  const content = Buffer.alloc(size, "0123456789abcdef-");
  writeFileSync(dir.file("file"), content);
  const bytes = await readSmallFile(dir.file("file"), LIMIT);
  expect(bytes?.byteLength).toBe(read as never);
  if (bytes !== undefined) expect(content.equals(bytes)).toBe(true);
});

test("an endless file has more bytes than are allowed", async () => {
  expect(await readSmallFile("/dev/zero", LIMIT)).toBeUndefined();
});

test("a directory cannot be read", async () => {
  expect(readSmallFile("/", LIMIT)).rejects.toMatchObject({ code: "EISDIR" });
});
