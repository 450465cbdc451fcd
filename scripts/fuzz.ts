// Feeds damaged archives to the tar reader and to unpacking until the time is up:
// `bun scripts/fuzz.ts --minutes 60 --seed N [--from INPUT] [--corpus DIR]`. What breaks a promise is saved as a fixture,
// which the tests then replay, and makes the run fail.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { memoryDirectory } from "../src/system/private-directory.ts";
import { checkDecompression } from "../test/layers/fuzz/decompress-check.ts";
import { Inputs, isCompressed } from "../test/layers/fuzz/input.ts";
import { checkReader } from "../test/layers/fuzz/reader-check.ts";
import { Cage } from "../test/layers/fuzz/unpack-check.ts";

const FIXTURES = join(import.meta.dir, "../test/fixtures/fuzz");
/** Unpacking, with threads and files, costs as much as reading a few hundred times. */
const INPUTS_PER_UNPACK = 256;
const INPUTS_PER_COLLECTION = 16_384;
const REPORT_EVERY_MS = 60_000;
const MAX_FINDINGS = 20;
/** A run of hours stays far below it, and nothing about one input may need it. */
const MAX_RSS_BYTES = 1024 ** 3;

interface Totals {
  inputs: number;
  accepted: number;
  unpacked: number;
  bytes: number;
  readonly findings: Set<string>;
}

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    from: { type: "string", default: "0" },
    corpus: { type: "string" },
  },
});
const seed = Number(values.seed);
const corpus = values.corpus === undefined ? [] : filesIn(values.corpus);
const started = performance.now();
const until = started + Number(values.minutes) * 60_000;
const totals: Totals = { inputs: 0, accepted: 0, unpacked: 0, bytes: 0, findings: new Set() };
const watchdog = new Worker(new URL("./fuzz-watchdog.ts", import.meta.url).href);
watchdog.unref();

console.log(`seed ${seed}, ${values.minutes} minutes, ${corpus.length} archives of a corpus`);
await run();
report();
process.exit(totals.findings.size === 0 ? 0 : 1);

async function run(): Promise<void> {
  using cage = new Cage(memoryDirectory(process.env as Record<string, string>));
  const inputs = new Inputs(seed, corpus);
  let reportAt = started + REPORT_EVERY_MS;
  for (let number = Number(values.from); performance.now() < until; number += 1) {
    const input = inputs.input(number);
    if (number % 64 === 0) watchdog.postMessage({ number });
    await check(input, number, cage);
    if (totals.findings.size >= MAX_FINDINGS) return;
    if (performance.now() < reportAt) continue;
    reportAt += REPORT_EVERY_MS;
    report();
  }
}

async function check(input: Buffer, number: number, cage: Cage): Promise<void> {
  totals.inputs += 1;
  totals.bytes += input.length;
  try {
    if (checkReader(input).isAccepted) totals.accepted += 1;
    if (isCompressed(input)) checkDecompression(input);
    if (number % INPUTS_PER_UNPACK === 0 && (await cage.check(input)).isAccepted) {
      totals.unpacked += 1;
    }
    if (number % INPUTS_PER_COLLECTION === 0) requireBoundedMemory();
  } catch (error) {
    save(input, number, error);
  }
}

// What is left after everything unreachable has gone.
function requireBoundedMemory(): void {
  Bun.gc(true);
  if (process.memoryUsage.rss() > MAX_RSS_BYTES) throw new Error("memory grows without bound");
}

function save(input: Buffer, number: number, error: unknown): void {
  const sentence = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const kind = sentence.replaceAll(/[0-9]+|".*"/g, "#");
  if (totals.findings.has(kind)) return;
  totals.findings.add(kind);
  mkdirSync(FIXTURES, { recursive: true });
  const path = join(FIXTURES, `${Bun.hash.crc32(input).toString(16).padStart(8, "0")}.bin`);
  writeFileSync(path, input);
  console.log(`FOUND with input ${number}, kept as ${path}: ${sentence}`);
}

function report(): void {
  const seconds = (performance.now() - started) / 1000;
  const { inputs, accepted, unpacked, bytes, findings } = totals;
  const rss = Math.round(process.memoryUsage.rss() / 1024 ** 2);
  console.log(
    `${Math.round(seconds)} s: ${inputs} inputs (${Math.round(inputs / seconds)}/s), ` +
      `${Math.round(bytes / 1024 ** 2)} MiB, ${accepted} read to the end, ` +
      `${Math.ceil(inputs / INPUTS_PER_UNPACK)} unpacked of which ${unpacked} became a root, ` +
      `${findings.size} findings, ${rss} MiB resident`,
  );
}

function filesIn(directory: string): Buffer[] {
  return readdirSync(directory).map((name) => readFileSync(join(directory, name)));
}
