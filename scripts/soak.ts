// Runs thousands of sessions through the compiled runner and fails when anything of them is left:
// `bun run soak [--sessions 10000] [--calls 10] [--binary PATH]`.

import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildRunner, hostTarget } from "./build.ts";
import { problemsOf, soak } from "./soak/soak.ts";

const MAX_GROWTH = 1.1;

const { values } = parseArgs({
  options: {
    sessions: { type: "string", default: "10000" },
    calls: { type: "string", default: "10" },
    binary: { type: "string" },
  },
});
const directory = mkdtempSync(join(tmpdir(), "fastmcp-runner-soak-"));
try {
  // Servers may run as another user.
  chmodSync(directory, 0o755);
  const binary = values.binary ?? (await compile());
  const figures = await soak(
    {
      binary,
      directory,
      sessions: Number(values.sessions),
      callsPerSession: Number(values.calls),
    },
    (line) => console.log(`▸ ${line}`),
  );
  console.log(JSON.stringify(figures, null, 2));
  const problems = problemsOf(figures, MAX_GROWTH);
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function compile(): Promise<string> {
  const outfile = join(directory, "fastmcp-runner");
  await buildRunner({ target: hostTarget(), commit: "unknown", outfile });
  return outfile;
}
