// The places: how each is made, by podman or by the kernel's own means, and who the server is there.

import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  AS_ROOT,
  AS_ROOT_WITH_EVERYTHING,
  AS_USER,
  AS_USER_UNCONFINED,
  podmanCommand,
} from "../../test/support/podman.ts";
import { ORDINARY_USER } from "../../test/support/privileges.ts";
import { RUNNER_IMAGE } from "../../test/support/runner-image.ts";
import { BARE_BASE } from "./bare-base.ts";

/** What a start needs of this machine: the sample images in `images`, starts.sh and the runner's binary. */
export const STAGE = { images: "images", starts: "starts.sh", runner: "fastmcp-runner" } as const;

export interface Place {
  readonly name: string;
  /** What it is, for a table. */
  readonly title: string;
  /** The command that runs starts.sh there; its arguments follow. */
  readonly command: (scene: Scene) => readonly string[];
}

export interface Scene {
  /** Where STAGE is, for everybody to read. */
  readonly stage: string;
  /** A directory for this place alone, which everybody may pass through. */
  readonly own: string;
}

// PRoot 5.1, which Debian has, writes to /tmp wherever it is told to.
const READ_ONLY = ["--read-only", "--read-only-tmpfs=false", "--env=WORK_DIR=/tmp"];
const TMPFS = [...READ_ONLY, "--tmpfs=/tmp:exec,mode=1777"];
const NOEXEC_TMPFS = [...READ_ONLY, "--tmpfs=/tmp:noexec,mode=1777"];

export const PLACES: readonly Place[] = [
  inImage("root", "root, Docker's defaults", AS_ROOT),
  inImage("user", "UID 1000, Docker's seccomp rules", AS_USER),
  inImage("user-unconfined", "UID 1000, no seccomp rules", AS_USER_UNCONFINED),
  inImage("root-everything", "root, all capabilities, no seccomp rules", AS_ROOT_WITH_EVERYTHING),
  inImage("root-tmpfs", "root, Docker's defaults, read-only, a tmpfs", [...AS_ROOT, ...TMPFS]),
  inImage("user-tmpfs", "UID 1000, Docker's seccomp rules, read-only, a tmpfs", [
    ...AS_USER,
    ...TMPFS,
  ]),
  inImage("root-noexec", "root, Docker's defaults, read-only, a `noexec` tmpfs", [
    ...AS_ROOT,
    ...NOEXEC_TMPFS,
  ]),
  inImage("user-noexec", "UID 1000, Docker's seccomp rules, read-only, a `noexec` tmpfs", [
    ...AS_USER,
    ...NOEXEC_TMPFS,
  ]),
  inBase("root", "root, Docker's defaults", AS_ROOT),
  inBase("user", "UID 1000, Docker's seccomp rules", AS_USER),
  inBase("user-unconfined", "UID 1000, no seccomp rules", AS_USER_UNCONFINED),
  onHost("root", "root", (_, argv) => argv),
  onHost("user", "ordinary user", asUser),
  onHost("user-without-namespaces", "ordinary user, no user namespaces", (scene, argv) =>
    withoutNamespaces(scene, asUser(scene, argv)),
  ),
];

/** The runner's container image, under these rules. */
function inImage(name: string, title: string, rules: readonly string[]): Place {
  const options = [...rules, "--env=RUNNER=fastmcp-runner"];
  return {
    name: `container-${name}`,
    title: `container: ${title}`,
    command: ({ stage }) => inContainer(stage, options, RUNNER_IMAGE),
  };
}

/** The binary in a container image that has nothing for it, under these rules. */
function inBase(name: string, title: string, rules: readonly string[]): Place {
  const options = [...rules, `--env=RUNNER=/places/${STAGE.runner}`];
  return {
    name: `binary-${name}`,
    title: `binary: ${title}`,
    command: ({ stage }) => inContainer(stage, options, BARE_BASE),
  };
}

/** The binary on this machine, with Debian's programs, started by other programs. */
function onHost(
  name: string,
  title: string,
  through: (scene: Scene, argv: readonly string[]) => readonly string[],
): Place {
  return {
    name: `host-${name}`,
    title: `host: ${title}`,
    command: (scene) => through(scene, hostCommand(scene)),
  };
}

function inContainer(stage: string, options: readonly string[], image: string): readonly string[] {
  return podmanCommand(
    "run",
    ...options,
    `--volume=${stage}:/places:ro`,
    "--env=PLACES=/places",
    "--entrypoint=/bin/sh",
    image,
    `/places/${STAGE.starts}`,
  );
}

function hostCommand({ stage, own }: Scene): readonly string[] {
  const variables = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: own,
    WORK_DIR: join(own, "work"),
    PLACES: stage,
    RUNNER: join(stage, STAGE.runner),
  };
  const settings = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  return ["env", "--ignore-environment", ...settings, "sh", join(stage, STAGE.starts)];
}

function asUser({ own }: Scene, argv: readonly string[]): readonly string[] {
  chownSync(own, ORDINARY_USER, ORDINARY_USER);
  const user = [`--reuid=${ORDINARY_USER}`, `--regid=${ORDINARY_USER}`, "--clear-groups"];
  return ["setpriv", ...user, ...argv];
}

// The kernel gives a process whose root directory has been changed no user namespace, with the errno that it has where
// an administrator has turned them off (user_namespaces(7), EPERM). The root that is changed to is this machine's own,
// seen through another mount.
function withoutNamespaces({ own }: Scene, argv: readonly string[]): readonly string[] {
  const root = join(own, "root");
  mkdirSync(root);
  const script = 'mount --rbind / "$0" && exec chroot "$0" "$@"';
  return ["unshare", "--mount", "sh", "-c", script, root, ...argv];
}
