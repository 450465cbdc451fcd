// A root filesystem of one static busybox, and a way to start a command in it as root or as an ordinary user.

import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { giveTree, serverIdentity } from "../../../src/launch/ownership.ts";
import type { TempDir } from "../../support/temp-dir.ts";
import type { Launch } from "./launcher.ts";

export const LAUNCHER = join(import.meta.dir, "launcher.ts");
export const AS_ROOT = process.geteuid?.() === 0;

const APPLETS = [
  "sh",
  "cat",
  "env",
  "grep",
  "id",
  "kill",
  "ls",
  "mkdir",
  "readlink",
  "sleep",
  "stat",
  "test",
  "tr",
];

/** Builds the root in `<dir>/root` and returns its path. */
export function tinyRoot(dir: TempDir): string {
  const root = dir.file("root");
  const busybox = Bun.which("busybox") ?? "/bin/busybox";
  mkdirSync(join(root, "bin"), { recursive: true });
  mkdirSync(join(root, "etc"));
  cpSync(busybox, join(root, "bin/busybox"));
  for (const applet of APPLETS) symlinkSync("busybox", join(root, "bin", applet));
  return root;
}

/** Writes a file below a root, with its directories. */
export function put(
  root: string,
  path: string,
  content: string | Uint8Array,
  mode = 0o644,
): string {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, content);
  chmodSync(target, mode);
  return target;
}

/** A directory with links to these programs, to be the runner's whole PATH. */
export function onlyPrograms(dir: TempDir, programs: Readonly<Record<string, string>>): string {
  const path = dir.file("programs");
  mkdirSync(path);
  // The server's user reaches env through it.
  chmodSync(dir.path, 0o755);
  for (const [name, program] of Object.entries(programs)) {
    symlinkSync(Bun.which(program) ?? program, join(path, name));
  }
  return path;
}

export interface StartOptions {
  readonly mode?: Launch["mode"];
  readonly entrypoint?: readonly string[];
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly serverEnvironment?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly workingDir?: string;
  readonly searchPath?: string;
  readonly logLevel?: Launch["logLevel"];
  /** Start the runner as this user and group rather than as who the tests are. */
  readonly uid?: number;
  /** The root is a tree that others use as well, and is the server's user's already. */
  readonly shared?: boolean;
  /** Where a run has its directory then, and what its name begins with. */
  readonly scratchParent?: string;
  readonly scratchName?: string;
  /** A program with arguments that starts the runner, such as setpriv. */
  readonly through?: readonly string[];
  readonly stdin?: "ignore" | "pipe";
}

/** Starts the launcher on a root. */
export function start(dir: TempDir, root: string, options: StartOptions) {
  const file = dir.file("launch.json");
  const scratch = options.shared === true ? scratchFor(dir, options) : undefined;
  const launch: Launch = { ...launchOf(root, options), ...(scratch && { scratch }) };
  writeFileSync(file, JSON.stringify(launch));
  if (options.uid !== undefined && AS_ROOT) {
    for (const path of [dir.path, scratch ?? dir.path]) chownSync(path, options.uid, options.uid);
    if (scratch === undefined)
      Bun.spawnSync(["chown", "-R", `${options.uid}:${options.uid}`, root]);
  }
  // As the cache does; where all is as it has to be, nothing changes.
  if (scratch !== undefined) giveTree(root, serverIdentity());
  return Bun.spawn([...(options.through ?? []), process.execPath, LAUNCHER, file], {
    env: { PATH: process.env["PATH"] ?? "", RUNNER_CANARY: "must not arrive" },
    cwd: "/",
    stdin: options.stdin ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
}

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

/** Starts the launcher and waits for the end of the server. */
export async function run(dir: TempDir, root: string, options: StartOptions): Promise<Outcome> {
  const child = start(dir, root, options);
  const [stdout, stderr, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, status };
}

function launchOf(root: string, options: StartOptions): Launch {
  return {
    root,
    mode: options.mode ?? "auto",
    image: {
      entrypoint: options.entrypoint ?? [],
      cmd: options.command,
      env: Object.entries(options.env ?? {}),
      workingDir: options.workingDir ?? "/",
      user: options.user ?? "",
    },
    request: {
      serverArguments: [],
      serverEnvironment: options.serverEnvironment ?? {},
      mcpTransport: "streamable-http",
      mcpHost: "0.0.0.0",
      mcpPath: "/mcp",
      port: 7860,
    },
    searchPath: options.searchPath ?? process.env["PATH"] ?? "",
    logLevel: options.logLevel ?? "error",
  };
}

// A start has a new one, and the names that lead there may be of any kind.
function scratchFor(dir: TempDir, options: StartOptions): string {
  const { scratchParent = dir.path, scratchName = "scratch,a:b\\c=" } = options;
  return mkdtempSync(join(scratchParent, scratchName));
}
