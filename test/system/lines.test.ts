import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readLines } from "../../src/system/lines.ts";

describe("lines", () => {
  test.each([
    ["lines end with LF", ["a\nb\n"], ["a", "b"]],
    ["a line may come in pieces", ["a", "b", "c\nd", "\n"], ["abc", "d"]],
    ["the last line may lack its end", ["a\nb"], ["a", "b"]],
    ["CR LF ends a line as well", ["a\r\nb\r", "\n"], ["a", "b"]],
    ["an empty line is a line", ["\n\na\n"], ["", "", "a"]],
    ["nothing is no line", [], []],
  ])("%s", async (_, pieces, lines) => {
    expect(await linesOf(pieces.map((piece) => Buffer.from(piece)))).toEqual(lines);
  });

  test("the pieces do not matter, not even inside a character", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.string({ unit: "grapheme" }).map((text) => text.replaceAll(/[\r\n]/g, "")),
          {
            minLength: 1,
          },
        ),
        fc.array(fc.nat(40)),
        async (lines, sizes) => {
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
          expect(await linesOf(cut(bytes, sizes))).toEqual(lines);
        },
      ),
    );
  });

  test("a line that is too long ends the reading and is told", async () => {
    const told: string[] = [];
    const lines = await linesOf([Buffer.from("four\nfi"), Buffer.from("ve!\nnever\n")], {
      maxBytes: 4,
      onOverflow: () => told.push("too long"),
    });
    expect(lines).toEqual(["four"]);
    expect(told).toEqual(["too long"]);
  });

  test("a line that is too long is cut where nobody is to be told", async () => {
    const pieces = [Buffer.from("12345"), Buffer.from("678\nnext\n")];
    expect(await linesOf(pieces, { maxBytes: 4 })).toEqual(["1234", "next"]);
  });

  test("nothing more is taken while a line waits", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const taken: string[] = [];
    const reading = readLines(streamOf([Buffer.from("a\nb\n"), Buffer.from("c\n")]), {
      maxBytes: 100,
      signal: new AbortController().signal,
      onLine(line) {
        taken.push(line);
        return line === "a" ? promise : undefined;
      },
    });
    await Bun.sleep(0);
    expect(taken).toEqual(["a"]);
    resolve();
    await reading;
    expect(taken).toEqual(["a", "b", "c"]);
  });
});

async function linesOf(
  pieces: readonly Uint8Array[],
  options: { readonly maxBytes?: number; readonly onOverflow?: () => void } = {},
): Promise<string[]> {
  const lines: string[] = [];
  await readLines(streamOf(pieces), {
    maxBytes: 1_000_000,
    signal: new AbortController().signal,
    onLine(line) {
      lines.push(line);
    },
    ...options,
  });
  return lines;
}

function streamOf(pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
}

function cut(bytes: Buffer, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let start = 0;
  for (const size of sizes) {
    pieces.push(bytes.subarray(start, start + size));
    start += size;
  }
  return [...pieces, bytes.subarray(start)];
}
