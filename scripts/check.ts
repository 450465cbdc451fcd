// Everything that must hold before a change goes in: format, lint, types, generated documents, tests. Runs all of it,
// whatever fails, and ends with one line that says how much passed. In CI a skipped test is a failure.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const ROOT = join(import.meta.dir, "..");
const BIN = join(ROOT, "node_modules/.bin");

const CHECKS = [
  { name: "format", argv: [join(BIN, "oxfmt"), "--check", "."] },
  { name: "lint", argv: [join(BIN, "oxlint")] },
  { name: "types", argv: [join(BIN, "tsc"), "--noEmit", "--project", "."] },
  { name: "docs", argv: [process.execPath, "scripts/docs.ts", "--check"] },
] as const;

async function main(): Promise<void> {
  const tallies: Tally[] = [];
  for (const { name, argv } of CHECKS) {
    const isGood = (await run(name, argv)) === 0;
    tallies.push({ passed: Number(isGood), failed: Number(!isGood), skipped: 0 });
  }
  tallies.push(await runTests());
  const total = (key: keyof Tally) => tallies.reduce((sum, tally) => sum + tally[key], 0);
  const mustNotSkip = process.env["CI"] === "true";
  const failed = total("failed") + (mustNotSkip ? total("skipped") : 0);
  if (total("skipped") > 0) {
    console.log(`\n${total("skipped")} skipped${mustNotSkip ? ", which CI must not" : ""}`);
  }
  console.log(`\n${total("passed")} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

async function run(name: string, argv: readonly string[]): Promise<number> {
  console.log(`\n== ${name}`);
  return Bun.spawn([...argv], { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] }).exited;
}

async function runTests(): Promise<Tally> {
  const directory = mkdtempSync(join(tmpdir(), "fastmcp-runner-check-"));
  try {
    const report = join(directory, "junit.xml");
    const reporter = ["--reporter=junit", `--reporter-outfile=${report}`];
    const status = await run("tests", [process.execPath, "test", ...reporter]);
    const tally = await readReport(report);
    // A crash, or an error outside of any test, is in no report.
    return status !== 0 && tally.failed === 0 ? { ...tally, failed: 1 } : tally;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function readReport(path: string): Promise<Tally> {
  const text = (await Bun.file(path).exists()) ? readFileSync(path, "utf8") : "";
  const totals = /<testsuites [^>]*>/.exec(text)?.[0];
  if (totals === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const count = (name: string) => Number(new RegExp(` ${name}="(\\d+)"`).exec(totals)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  return { passed: count("tests") - failed - count("skipped"), failed, skipped: count("skipped") };
}

await main();
