// Compiles the runner into self-contained binaries, one for each kind of Linux, and hardens them.
//
//   bun run build                                all four
//   bun run build --host                         only the one that runs here
//   bun run build --target linux-x64-musl        only this one; may be repeated
//   … --commit HASH                              for a checkout without git; also the environment variable COMMIT
//
// The same sources give the same bytes, wherever and whenever they are compiled: `bun run reproduce` proves it.

import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import packageJson from "../package.json";
import { hardenBinary, hostileEnvironments } from "./harden-binary.ts";

/** `libc` is the one name under which the binary opens its C library: no other name is ever tried. */
export const TARGETS = {
  "linux-x64": { bun: "bun-linux-x64", architecture: "x64", libc: "libc.so.6" },
  "linux-arm64": { bun: "bun-linux-arm64", architecture: "arm64", libc: "libc.so.6" },
  "linux-x64-musl": {
    bun: "bun-linux-x64-musl",
    architecture: "x64",
    libc: "libc.musl-x86_64.so.1",
  },
  "linux-arm64-musl": {
    bun: "bun-linux-arm64-musl",
    architecture: "arm64",
    libc: "libc.musl-aarch64.so.1",
  },
} as const;

export type Target = keyof typeof TARGETS;

export interface BuildOptions {
  readonly target: Target;
  readonly commit: string;
  readonly outfile: string;
}

const ROOT = join(import.meta.dir, "..");

/** What went into the bundle; its paths are relative to the working directory. */
export type Metafile = NonNullable<Bun.BuildOutput["metafile"]>;

/** Writes the binary of one target to `outfile`, complete or not at all. Returns what was bundled into it. */
export async function buildRunner({ target, commit, outfile }: BuildOptions): Promise<Metafile> {
  const { bun, architecture, libc } = TARGETS[target];
  const draft = join(dirname(outfile), `.${target}-${process.pid}`, "fastmcp-runner");
  mkdirSync(dirname(draft), { recursive: true });
  try {
    const metafile = await compile(bun, draft, {
      VERSION: packageJson.version,
      COMMIT: commit,
      LIBC_NAME: libc,
    });
    await Bun.write(draft, hardenBinary(readFileSync(draft), architecture));
    chmodSync(draft, 0o755);
    if (target === hostTarget()) verifyBinary(draft);
    renameSync(draft, outfile);
    return metafile;
  } finally {
    rmSync(dirname(draft), { recursive: true, force: true });
  }
}

/** The target that runs on this machine, judged by the C library this very process uses. */
export function hostTarget(): Target {
  const architecture = process.arch === "arm64" ? "arm64" : "x64";
  const isMusl = readFileSync("/proc/self/maps", "utf8").includes("/ld-musl-");
  return isMusl ? `linux-${architecture}-musl` : `linux-${architecture}`;
}

async function compile(
  target: Bun.Build.CompileTarget,
  outfile: string,
  constants: Readonly<Record<string, string>>,
): Promise<Metafile> {
  const { metafile } = await Bun.build({
    entrypoints: [join(ROOT, "src/cli.ts"), join(ROOT, "src/layers/worker.ts")],
    // Side by side, as a module that starts the thread names it.
    naming: "[name].[ext]",
    // What a start does not come to is not loaded, with the modules of Node's that it would bring along.
    splitting: true,
    minify: true,
    bytecode: true,
    format: "esm",
    sourcemap: "inline",
    metafile: true,
    define: Object.fromEntries(
      Object.entries(constants).map(([name, value]) => [name, JSON.stringify(value)]),
    ),
    compile: {
      target,
      outfile,
      // Whoever owns the working directory or its files must not get code into the runner.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
      execArgv: ["--disallow-code-generation-from-strings=strict"],
    },
  });
  if (metafile === undefined) throw new Error("Bun has not said what it bundled");
  return metafile;
}

function verifyBinary(path: string): void {
  const version = (environment: Readonly<Record<string, string>>) => {
    const run = Bun.spawnSync([path, "--version"], { env: environment, cwd: "/" });
    return `status ${run.exitCode}, stdout ${run.stdout.toString()}, stderr ${run.stderr.toString()}`;
  };
  const plain = version({});
  if (!plain.startsWith("status 0,")) {
    throw new Error(`the compiled binary does not run: ${plain}`);
  }
  for (const environment of hostileEnvironments()) {
    const answer = version(environment);
    if (answer === plain) continue;
    throw new Error(`${JSON.stringify(environment)} reaches the compiled binary: ${answer}`);
  }
}

/** The commit of this checkout, or "unknown". */
export function currentCommit(): string {
  if (process.env["COMMIT"]) return process.env["COMMIT"];
  // Without git, or outside a checkout, there is nothing to tell.
  if (Bun.which("git") === null) return "unknown";
  const git = Bun.spawnSync(["git", "-C", ROOT, "rev-parse", "HEAD"], { stderr: "ignore" });
  return git.exitCode === 0 ? git.stdout.toString().trim() : "unknown";
}

/** The targets of these names. Throws for one that there is not. */
export function parseTargets(names: readonly string[]): Target[] {
  return names.map((name) => {
    const target = Object.keys(TARGETS).find((known): known is Target => known === name);
    if (target !== undefined) return target;
    throw new Error(`unknown target ${name}; there are ${Object.keys(TARGETS).join(", ")}`);
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      host: { type: "boolean" },
      target: { type: "string", multiple: true },
      commit: { type: "string" },
    },
  });
  const named = parseTargets(values.target ?? []);
  const chosen = values.host
    ? [hostTarget()]
    : named.length > 0
      ? named
      : parseTargets(Object.keys(TARGETS));
  const commit = values.commit || currentCommit();
  for (const target of chosen) {
    const outfile = join(ROOT, "dist", `fastmcp-runner-${target}`);
    await buildRunner({ target, commit, outfile });
    console.log(`${outfile} (${Math.round(Bun.file(outfile).size / 1e6)} MB)`);
  }
}

if (import.meta.main) await main();
