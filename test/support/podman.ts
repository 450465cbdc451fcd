// Runs podman where there is no init and no cgroup delegation, as in CI: with storage of its own in a temporary
// directory, in a mount namespace of its own with a cgroup file system that podman accepts.

import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tempDir } from "./temp-dir.ts";

export interface PodmanResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

const SECCOMP = join(import.meta.dir, "../fixtures/docker-seccomp-default.json");

// https://github.com/moby/moby/blob/v27.0.0/oci/caps/defaults.go
const DOCKER_CAPABILITIES =
  "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw,sys_chroot,mknod,audit_write,setfcap";

/** Options of `podman run`, on this machine's network. */
const ANY_RULES = [
  "--rm",
  "--pull=never",
  // podman has systemd run it, which is not here.
  "--no-healthcheck",
  "--network=host",
  "--cgroups=disabled",
  "--ulimit=nofile=1024:4096",
  "--ulimit=nproc=4096:4096",
];
const DOCKER_RULES = [...ANY_RULES, `--security-opt=seccomp=${SECCOMP}`];
const NO_SECCOMP = [...ANY_RULES, "--security-opt=seccomp=unconfined"];
const USER = ["--cap-drop=all", "--user=1000:1000"];

/** The rules that Docker has by default. */
export const AS_ROOT = [...DOCKER_RULES, "--cap-drop=all", `--cap-add=${DOCKER_CAPABILITIES}`];
/** Those with which a platform starts everything as an ordinary user. */
export const AS_USER = [...DOCKER_RULES, ...USER];
/** Kubernetes' defaults for an ordinary user. */
export const AS_USER_UNCONFINED = [...NO_SECCOMP, ...USER];
export const AS_ROOT_WITH_EVERYTHING = [...NO_SECCOMP, "--cap-add=all"];

const IN_NAMESPACE = [
  "umount -R /sys/fs/cgroup 2>/dev/null",
  "mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null || mount -t tmpfs none /sys/fs/cgroup",
  'exec podman "$@"',
].join("\n");

let storage: { readonly directory: string; readonly options: readonly string[] } | undefined;
let problem: { readonly text: string | undefined } | undefined;

/** The whole command line for `podman ARGS…`. */
export function podmanCommand(...args: readonly string[]): string[] {
  storage ??= createStorage();
  return inNamespace([...storage.options, ...args]);
}

export async function podman(...args: readonly string[]): Promise<PodmanResult> {
  const child = Bun.spawn(podmanCommand(...args), { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}

/** Like `podman`, for what the test only prepares: throws when it fails. Returns stdout. */
export async function podmanMust(...args: readonly string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await podman(...args);
  if (exitCode !== 0) throw new Error(`podman ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

/** What keeps podman from running a container under Docker's rules here, if anything. */
export function podmanProblem(): string | undefined {
  problem ??= { text: findProblem() };
  return problem.text;
}

/** Removes every image and container that podman has made here. */
export function removePodmanStorage(): void {
  if (storage !== undefined) rmSync(storage.directory, { recursive: true, force: true });
  storage = undefined;
}

function findProblem(): string | undefined {
  using root = tempDir();
  const busybox = Bun.which("busybox");
  if (busybox === null) return "busybox is not installed";
  for (const name of ["dev", "etc", "proc", "run", "sys", "tmp"]) mkdirSync(root.file(name));
  cpSync(busybox, root.file("busybox"));
  const argv = podmanCommand("run", ...AS_ROOT, "--rootfs", root.path, "/busybox", "true");
  const run = Bun.spawnSync(argv);
  return run.exitCode === 0 ? undefined : run.stderr.toString().trim();
}

function createStorage() {
  const directory = mkdtempSync(join(tmpdir(), "fastmcp-runner-podman-"));
  const options = ["--root", join(directory, "root"), "--runroot", join(directory, "run")];
  options.push("--events-backend", "none");
  // vfs works on every file system, but copies the whole tree for each layer.
  const probe = Bun.spawnSync(inNamespace([...options, "--storage-driver", "overlay", "info"]));
  const driver = probe.exitCode === 0 ? "overlay" : "vfs";
  if (driver === "vfs") rmSync(join(directory, "root"), { recursive: true, force: true });
  return { directory, options: [...options, "--storage-driver", driver] };
}

/** The whole command line for podman with these arguments and no others. */
export function inNamespace(args: readonly string[]): string[] {
  return ["unshare", "-m", "sh", "-c", IN_NAMESPACE, "podman", ...args];
}
