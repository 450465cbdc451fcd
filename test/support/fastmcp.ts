// A Python with FastMCP, in the versions that the fixture names. It is installed once, from PyPI, next to what else
// takes long to make.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PYTHON } from "./runtime-files.ts";

const ROOT = join(import.meta.dir, "../..");
const CONSTRAINTS = join(ROOT, "test/fixtures/fastmcp-server/constraints.txt");
const CACHE = join(ROOT, "node_modules/.cache/fastmcp-runner-python");

/** Nothing is compiled, and each package comes in the version that the fixture names. */
const INSTALL_FASTMCP = [
  "-m",
  "pip",
  "install",
  "--quiet",
  "--disable-pip-version-check",
  "--only-binary=:all:",
  "--constraint",
  CONSTRAINTS,
  "fastmcp",
];

export type PythonOrProblem =
  | { readonly python: string; readonly problem?: undefined }
  | { readonly python?: undefined; readonly problem: string };

/** Finds it, or installs it, or tells why there is none. */
export async function fastmcpPython(): Promise<PythonOrProblem> {
  if (!existsSync(PYTHON)) return { problem: `needs ${PYTHON}` };
  const { stdout: version } = await run(PYTHON, "--version");
  const key = createHash("sha256").update(version).update(readFileSync(CONSTRAINTS));
  const digest = key.digest("hex").slice(0, 16);
  const directory = join(CACHE, `fastmcp-${digest}`);
  const python = join(directory, "bin/python");
  if (existsSync(directory)) return { python };
  const problem = await install(directory);
  return problem === undefined ? { python } : { problem };
}

// Under another name until all of it is there; an environment's own programs do not mind being moved, but for pip.
async function install(directory: string): Promise<string | undefined> {
  const unfinished = `${directory}.${process.pid}`;
  try {
    const made = await run(PYTHON, "-m", "venv", unfinished);
    if (made.status !== 0)
      return `needs ${PYTHON} with its module venv: ${made.stderr.slice(-500)}`;
    const installed = await run(join(unfinished, "bin/python"), ...INSTALL_FASTMCP);
    if (installed.status !== 0) return `needs FastMCP from PyPI: ${installed.stderr.slice(-500)}`;
    if (!existsSync(directory)) renameSync(unfinished, directory);
    return undefined;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

async function run(...argv: readonly string[]) {
  const child = Bun.spawn([...argv], { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { status: await child.exited, stdout, stderr };
}
