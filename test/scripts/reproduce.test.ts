import { writeFileSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { hostTarget, TARGETS, type Target } from "../../scripts/build.ts";
import { firstDifference, reproduce } from "../../scripts/reproduce.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";

const BUILDS_MS = 600_000;

// The other targets' Bun is downloaded, which is left to CI.
const targets =
  process.env["CI"] === "true"
    ? Object.keys(TARGETS).filter((name): name is Target => name in TARGETS)
    : [hostTarget()];

unless(programProblem("git", "tar"))(
  `two builds of a commit are the same bytes: ${targets.join(", ")}`,
  async () => {
    const reproductions = await reproduce(targets);
    expect(reproductions.map(({ target }) => target)).toEqual([...targets]);
    expect(reproductions.filter(({ differsAt }) => differsAt !== undefined)).toEqual([]);
  },
  BUILDS_MS,
);

unless(programProblem("git", "tar"))(
  "a binary from elsewhere that is not the commit's is found out",
  async () => {
    using elsewhere = tempDir();
    writeFileSync(elsewhere.file(`fastmcp-runner-${hostTarget()}`), "\x7fELF, but no runner");
    const [reproduction] = await reproduce([hostTarget()], elsewhere.path);
    expect(reproduction?.differsAt).toBe(4);
  },
  BUILDS_MS,
);

describe("firstDifference", () => {
  const chunk = 1 << 20;
  const long = Buffer.alloc(chunk + 5, "a");
  const changed = Buffer.from(long);
  changed[chunk + 2] = 0;
  const cases = [
    ["the same bytes", long, long, undefined],
    ["no bytes at all", Buffer.alloc(0), Buffer.alloc(0), undefined],
    ["a byte in the second chunk", long, changed, chunk + 2],
    ["an end that comes early", long, long.subarray(0, 7), 7],
    ["an end between two chunks", long.subarray(0, chunk), long, chunk],
  ] as const;

  test.each(cases)("finds %s", (_name, one, other, expected) => {
    using directory = tempDir();
    writeFileSync(directory.file("one"), one);
    writeFileSync(directory.file("other"), other);
    expect(firstDifference(directory.file("one"), directory.file("other"))).toBe(expected);
  });
});
