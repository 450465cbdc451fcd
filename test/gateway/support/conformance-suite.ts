// MCP's official conformance suites, run against the server at a URL. Only what they write down for each check counts,
// not what they print.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { tempDir } from "../../support/temp-dir.ts";

export interface Suite {
  /** The package, as package.json names that version of it. */
  readonly name: string;
  readonly options: readonly string[];
}

/** The last one that was made for revisions 2025-06-18 and 2025-11-25. */
export const SUITE_2025: Suite = { name: "mcp-conformance-2025", options: ["--suite", "all"] };

/** The one for 2026-07-28, which asks more of older revisions, too. */
export function suite2026(revision: "2025-11-25" | "2026-07-28"): Suite {
  return {
    name: "mcp-conformance-2026",
    options: ["--suite", "all", "--spec-version", revision],
  };
}

export interface SuiteResult {
  readonly scenarios: number;
  readonly passed: number;
  /** One line a check: its scenario, its name, what is wrong. */
  readonly failed: readonly string[];
  /** Where a server does not do what it should, but need not: scenario and name. */
  readonly warned: readonly string[];
}

export const ALL_PASSES = { failed: [], warned: [] };

/** As the first suite finds the SDK: it resumes as a client of 2025-03-26, whose streams begin without an empty event. */
export const ALL_BUT_PRIMING = {
  failed: [],
  warned: [
    "server-sse-polling: ServerSendsPrimingEvent",
    "server-sse-polling: ServerSendsRetryField",
  ],
};

interface Check {
  readonly name: string;
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
  readonly errorMessage?: string;
}

const SUITE_MS = 120_000;

/** Runs the whole suite. Throws where it ends with anything but a result, or not at all. */
export async function runSuite({ name, options }: Suite, url: string): Promise<SuiteResult> {
  using directory = tempDir();
  const suite = Bun.spawn(
    [process.execPath, programOf(name), "server", "--url", url, "-o", directory.path, ...options],
    { cwd: directory.path, stdout: "pipe", stderr: "pipe", timeout: SUITE_MS },
  );
  const [stdout, stderr] = await Promise.all([suite.stdout.text(), suite.stderr.text()]);
  const status = await suite.exited;
  const result = readResults(directory.path);
  // Its own verdict, which knows of scenarios that broke off before there was a result.
  if ((status === 0) !== (result.failed.length === 0) || result.scenarios === 0) {
    throw new Error(`${name} ended with ${status}: ${stderr}\n${stdout.slice(-2_000)}`);
  }
  return result;
}

function programOf(name: string): string {
  return join(dirname(Bun.resolveSync(`${name}/package.json`, import.meta.dir)), "dist/index.js");
}

// Each scenario has a directory of its own, named after it and the time.
function readResults(directory: string): SuiteResult {
  const scenarios = readdirSync(directory).sort();
  const checks = scenarios.flatMap((scenario) =>
    readChecks(join(directory, scenario, "checks.json")).map((check) => ({
      ...check,
      name: `${scenario.replace(/^server-|-\d{4}-\d\d-\d\dT.*$/g, "")}: ${check.name}`,
    })),
  );
  const those = (...statuses: readonly Check["status"][]) =>
    checks.filter(({ status }) => statuses.includes(status));
  return {
    scenarios: scenarios.length,
    passed: those("SUCCESS").length,
    failed: those("FAILURE").map(({ name, errorMessage }) => `${name}: ${errorMessage}`),
    warned: those("WARNING", "SKIPPED").map(({ name }) => name),
  };
}

function readChecks(path: string): readonly Check[] {
  return JSON.parse(readFileSync(path, "utf8")) as Check[]; // the suite's version is pinned
}
