// A root filesystem of one static busybox, and a way to start a command in it as root or as an ordinary user.

import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
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
  /** The root is a tree that others use as well. */
  readonly shared?: boolean;
  /** A program with arguments that starts the runner, such as setpriv. */
  readonly through?: readonly string[];
  readonly stdin?: "ignore" | "pipe";
}

/** Starts the launcher on a root. */
export function start(dir: TempDir, root: string, options: StartOptions) {
  const file = dir.file("launch.json");
  const scratch = options.shared === true ? { scratch: scratchIn(dir) } : {};
  writeFileSync(file, JSON.stringify({ ...launchOf(root, options), ...scratch }));
  if (options.shared === true) giveTree(root, serverIdentity());
  if (options.uid !== undefined) giveTo(dir, root, options.uid);
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

function scratchIn(dir: TempDir): string {
  // A start has a new one, and names of any kind may lead there.
  return mkdtempSync(`${dir.path}/scratch,a:b\\c=`);
}

function giveTo(dir: TempDir, root: string, uid: number): void {
  if (!AS_ROOT) return;
  chownSync(dir.path, uid, uid);
  for (const name of readdirSync(dir.path).filter((name) => name.startsWith("scratch"))) {
    chownSync(join(dir.path, name), uid, uid);
  }
  Bun.spawnSync(["chown", "-R", `${uid}:${uid}`, root]);
}
