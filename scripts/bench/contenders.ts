// Who runs: this runner with each of its clients, and its peers, each in the fastest way it has to get an image's root
// file system into a directory.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { inNamespace } from "../../test/support/podman.ts";

/** What a run gets: an image in a registry, and a directory of its own. */
export interface Task {
  readonly reference: string;
  readonly directory: string;
}

export interface Contender {
  readonly name: string;
  readonly kind: "ours" | "peer";
  /** The programs whose versions the report tells, and how they are asked. */
  readonly programs: Readonly<Record<string, readonly string[]>>;
  /** Why it cannot run here, if so. */
  problem(): string | undefined;
  argv(task: Task): readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const IS_ROOT = process.getuid?.() === 0;
const POLICIES = [
  "/etc/containers/policy.json",
  join(process.env["HOME"] ?? "/", ".config/containers/policy.json"),
];

export function contenders(binary: string): readonly Contender[] {
  return [
    ours(binary, "fastmcp-runner", "builtin"),
    { ...ours(binary, "fastmcp-runner with crane", "crane"), problem: needs("crane") },
    {
      name: "crane export | tar -x",
      kind: "peer",
      programs: { crane: ["crane", "version"] },
      problem: needs("crane", "tar", "bash"),
      argv: ({ reference, directory }) =>
        shell('mkdir "$2" && crane export "$1" - | tar -x -C "$2"', reference, rootOf(directory)),
    },
    {
      name: "skopeo copy + umoci unpack",
      kind: "peer",
      programs: { skopeo: ["skopeo", "--version"], umoci: ["umoci", "--version"] },
      problem: needs("skopeo", "umoci", "bash"),
      // `raw`: a whole bundle would also need a manifest of every file, which takes half as long again.
      argv: ({ reference, directory }) =>
        shell(
          `skopeo --insecure-policy copy --quiet --src-tls-verify=false "docker://$1" "oci:$2:image" &&
           umoci raw unpack --image "$2:image" "\${@:3}"`,
          reference,
          join(directory, "layout"),
          ...(IS_ROOT ? [] : ["--rootless"]),
          rootOf(directory),
        ),
    },
    {
      name: "podman pull",
      kind: "peer",
      programs: { podman: ["podman", "--version"] },
      problem: podmanProblem,
      argv: ({ reference, directory }) =>
        inNamespace([...storeIn(directory), "pull", "--quiet", "--tls-verify=false", reference]),
    },
  ];
}

/** The environment that all of them get: nothing of the caller's but where programs are. */
export function environmentOf(directory: string): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", HOME: directory, TMPDIR: directory };
}

function ours(binary: string, name: string, client: string): Contender {
  return {
    name,
    kind: "ours",
    programs: { "fastmcp-runner": [binary, "--version"] },
    problem: () => undefined,
    argv: ({ reference, directory }) => [binary, "pull", reference, "--to", rootOf(directory)],
    env: { REGISTRY_CLIENT: client, LOG_LEVEL: "warn" },
  };
}

function rootOf(directory: string): string {
  return join(directory, "root");
}

function shell(script: string, ...args: readonly string[]): string[] {
  return ["bash", "-c", `set -o pipefail; ${script}`, "bash", ...args];
}

function needs(...programs: readonly string[]): () => string | undefined {
  return () => {
    const missing = programs.filter((program) => Bun.which(program) === null);
    return missing.length === 0 ? undefined : `${missing.join(", ")} not installed`;
  };
}

function podmanProblem(): string | undefined {
  if (Bun.which("podman") === null) return "podman not installed";
  if (!IS_ROOT) return "podman is run as root only";
  return POLICIES.some(existsSync) ? undefined : "podman has no policy.json";
}

let driver: string | undefined;

function storeIn(directory: string): string[] {
  driver ??= driverFor(directory);
  return [...locations(join(directory, "store")), `--storage-driver=${driver}`];
}

// overlay is the faster one: vfs copies the tree for each layer.
function driverFor(directory: string): string {
  const options = [...locations(join(directory, "probe")), "--storage-driver=overlay"];
  const probe = Bun.spawnSync(inNamespace([...options, "info"]), { cwd: directory });
  return probe.exitCode === 0 ? "overlay" : "vfs";
}

// podman takes 50 characters at most for the second, so it is relative to the working directory.
function locations(store: string): string[] {
  return ["--root", store, "--runroot", "run", "--events-backend=none"];
}
