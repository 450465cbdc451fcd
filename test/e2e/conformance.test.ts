// MCP's official conformance suites against the compiled runner, started as its users start it: a server in an image,
// with the runner in front of it.

import { afterAll, beforeAll, expect } from "bun:test";
import { chmodSync } from "node:fs";
import {
  ALL_BUT_PRIMING,
  ALL_PASSES,
  runSuite,
  SUITE_2025,
  suite2026,
} from "../gateway/support/conformance-suite.ts";
import { buildConformanceImage } from "../support/conformance-image.ts";
import { layoutFiles, writeFiles } from "../support/disk-image.ts";
import { runModeProblem } from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { connectTo, freePort, startRunner } from "../support/runner.ts";
import { tempDir } from "../support/temp-dir.ts";

const SUITES_MS = 240_000;
const problem = programProblem("ldd") ?? runModeProblem();
const image = tempDir();

beforeAll(async () => {
  if (problem !== undefined) return;
  writeFiles(image.path, layoutFiles({ image: await buildConformanceImage() }));
  chmodSync(image.path, 0o755);
}, SUITES_MS);

afterAll(() => image[Symbol.dispose]());

unless(problem)(
  "a server on its standard streams keeps the whole protocol behind the runner",
  async () => {
    expect(await results({ SERVER_TRANSPORT: "stdio" })).toEqual({
      first: { scenarios: 32, passed: 45, ...ALL_PASSES },
      stateless: { scenarios: 40, passed: 152, ...ALL_PASSES },
    });
  },
  SUITES_MS,
);

unless(problem)(
  "a server with a port of its own keeps the whole protocol behind the runner",
  async () => {
    const port = String(freePort());
    const found = await results({ TARGET_PORT: port }, "/app/http.js", port);
    expect(found).toEqual({
      first: { scenarios: 32, passed: 44, ...ALL_BUT_PRIMING },
      stateless: { scenarios: 40, passed: 152, ...ALL_PASSES },
    });
  },
  SUITES_MS,
);

async function results(settings: Record<string, string>, ...serverArguments: readonly string[]) {
  const port = freePort();
  await using runner = await startRunner({
    arguments: ["run", `oci:${image.path}`, "--", ...serverArguments],
    environment: { PORT: String(port), SERVER_TRANSPORT: "auto", ...settings },
  });
  // The suites do not wait for a port to open.
  await (await connectTo(port, runner)).close();
  const url = `http://127.0.0.1:${port}/mcp`;
  return {
    first: await runSuite(SUITE_2025, url),
    stateless: await runSuite(suite2026("2026-07-28"), url),
  };
}
