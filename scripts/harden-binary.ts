// Takes Bun's own environment variables out of a compiled binary, so that none can turn the runner into something
// else, run code in it or write files. Knows nothing of the runner: it works on the bytes of Bun's executable.
//
// Bun has no switch for this: BUN_BE_BUN=1 makes any compiled binary a plain `bun`, BUN_OPTIONS and BUN_INSPECT_PRELOAD
// load code, BUN_CONFIG_VERBOSE_FETCH prints authorization headers, BUN_BYTECODE_ORDER_OUT writes a file, and
// BUN_JSC_… sets any of 600 options of the engine. What is expected is counted, for the Bun that package.json pins:
// another Bun, or another way of compiling, fails the build until somebody has looked.

import { elfSection } from "./elf-section.ts";

export type Architecture = "x64" | "arm64";

/** How many variables this Bun knows by name; they differ a little between its builds. */
const FEWEST_NAMES = 96;
const MOST_NAMES = 98;

/** Those that must be among them. */
const DANGEROUS_NAMES = [
  "BUN_BE_BUN",
  "BUN_OPTIONS",
  "BUN_INSPECT",
  "BUN_INSPECT_CONNECT_TO",
  "BUN_INSPECT_PRELOAD",
  "BUN_BYTECODE_ORDER_OUT",
  "BUN_BYTECODE_ORDER_NAMES_OUT",
  "BUN_BYTECODE_DIGEST_OUT",
  "BUN_CONFIG_VERBOSE_FETCH",
  "BUN_CRASH_REPORT_URL",
  "BUN_ENABLE_CRASH_REPORTING",
  "BUN_RUNTIME_TRANSPILER_CACHE_PATH",
  "BUN_TRACE",
  "BUN_WATCHER_TRACE",
] as const;

/** The one that is also looked up as a slice, without a NUL behind it: how often it is in the binary in all. */
const SLICED_NAME = "BUN_CONFIG_VERBOSE_FETCH";
const SLICED_NAME_COUNT = 2;

const ENGINE_PREFIX = "BUN_JSC_";

/** Returns the binary with every such variable out of reach. Throws when it is not the binary that is expected. */
export function hardenBinary(binary: Uint8Array, architecture: Architecture): Uint8Array {
  const hardened = Buffer.from(binary);
  // Only Bun's own part: what was compiled into it has its sections too, and may name what it likes.
  const constants = elfSection(hardened, ".rodata");
  // In Latin-1 every byte is one character: places in the text are places in the section.
  const constantsText = constants.toString("latin1");
  for (const offset of namesIn(constantsText)) constants[offset] = 0;
  for (const offset of sliceOffsets(constantsText)) constants[offset] = 0;
  const code = elfSection(hardened, ".text");
  const { offset, bytes } = engineCheckIn(code.toString("latin1"), architecture);
  code.set(bytes, offset);
  return hardened;
}

/** Environments in which a hardened binary behaves as in an empty one. */
export function hostileEnvironments(): Record<string, string>[] {
  return [
    { BUN_BE_BUN: "1" },
    { BUN_OPTIONS: "--preload /nonexistent/preload.js" },
    { BUN_OPTIONS: "--help" },
    { BUN_INSPECT: "127.0.0.1:0" },
    { BUN_INSPECT_CONNECT_TO: "ws://127.0.0.1:9" },
    { BUN_INSPECT_NOTIFY: "unix:///nonexistent/inspect.sock" },
    { BUN_INSPECT_PRELOAD: "/nonexistent/preload.js" },
    { BUN_JSC_useJIT: "0" },
    { BUN_JSC_dumpOptions: "1" },
    { BUN_JSC_noSuchOption: "1" },
  ];
}

// The names are looked up with getenv, as C strings: one that begins with a NUL is the empty name, which nothing has.
function namesIn(text: string): number[] {
  const found = new Map<string, number>();
  for (const match of text.matchAll(/\0(BUN_[A-Za-z][A-Za-z0-9_]*)(?=\0)/g)) {
    const name = match[1] ?? "";
    if (found.has(name)) throw new Error(`${name} is in the compiled binary twice`);
    found.set(name, match.index + 1);
  }
  const missing = DANGEROUS_NAMES.filter((name) => !found.has(name));
  if (missing.length > 0)
    throw new Error(`not found in the compiled binary: ${missing.join(", ")}`);
  if (found.size < FEWEST_NAMES || found.size > MOST_NAMES) {
    throw new Error(
      `the compiled binary knows ${found.size} environment variables, not ${FEWEST_NAMES} to ${MOST_NAMES}`,
    );
  }
  return [...found.values()];
}

function sliceOffsets(text: string): number[] {
  const offsets = [...text.matchAll(new RegExp(SLICED_NAME, "g"))].map((match) => match.index);
  if (offsets.length === SLICED_NAME_COUNT) return offsets;
  throw new Error(
    `${SLICED_NAME} is in the compiled binary ${offsets.length} times, not ${SLICED_NAME_COUNT}`,
  );
}

// The engine's prefix is no string: it is compared byte by byte, in code. The first comparison is made one with NUL,
// with which no entry of an environment begins.
function engineCheckIn(
  text: string,
  architecture: Architecture,
): { offset: number; bytes: readonly number[] } {
  const { check, toNul } = ENGINE_CHECKS[architecture];
  const [match, ...more] = text.matchAll(check);
  if (match === undefined || more.length > 0) {
    const count = match === undefined ? 0 : 1 + more.length;
    throw new Error(
      `the compiled binary checks for ${ENGINE_PREFIX} in ${count} places, not in one`,
    );
  }
  const comparison = Buffer.from(match[1] ?? "", "latin1");
  return { offset: match.index, bytes: toNul(comparison) };
}

const ENGINE_CHECKS = {
  // cmpb $character, index(register); jne
  x64: {
    check: comparisons("\\x75.", (code, index) =>
      index === 0
        ? `\\x41?\\x80[\\x38-\\x3f]${byte(code)}`
        : `\\x41?\\x80[\\x78-\\x7f]${byte(index)}${byte(code)}`,
    ),
    toNul: (instruction: Uint8Array) => [...instruction.subarray(0, -1), 0],
  },
  // cmp wN, #character; b.ne; ldrb wN, [xM, #index]. The character is in bits 10 to 21 of the first.
  arm64: {
    check: comparisons("[^]{8}", (code) => {
      const low = (code << 2) & 0xff;
      return `[^][${byte(low)}-${byte(low | 3)}]${byte(code >> 6)}\\x71`;
    }),
    toNul: ([first = 0, second = 0, , fourth = 0]: Uint8Array) => [first, second & 3, 0, fourth],
  },
};

/** Matches one comparison after the other, with `between` between them; the first one is group 1. */
function comparisons(between: string, comparison: (code: number, index: number) => string): RegExp {
  const [first, ...others] = [...ENGINE_PREFIX].map((letter, index) =>
    comparison(letter.charCodeAt(0), index),
  );
  return new RegExp(`(${first})${between}${others.join(between)}`, "gs");
}

function byte(value: number): string {
  return `\\x${value.toString(16).padStart(2, "0")}`;
}
