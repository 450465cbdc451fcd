// What works on this machine, found by trying it where trying is cheap and harmless. Changes nothing that outlives it.

import { existsSync, lstatSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reasonOf } from "../errors.ts";
import { chroot } from "../system/namespace.ts";
import { existingAncestor, isWritable } from "../system/private-directory.ts";
import { findProgram } from "../system/programs.ts";
import { type Ability, all, fails, works } from "./ability.ts";
import { BAKED_IMAGE_FILE } from "./baked-root.ts";
import { isMapped, missingCapabilities } from "./capabilities.ts";
import type { NamespaceTool } from "./namespace-tools.ts";
import {
  namespaceToolsUntried,
  type NamespaceTrial,
  tryNamespaceTools,
} from "./namespace-trial.ts";
import { tryTracer, type Tracer, type TracerTrial } from "./proot-trial.ts";
import { SERVER_IDENTITY } from "./ownership.ts";
import type { RunMode } from "./run-mode.ts";
import { SAFE_PATHS } from "./safe-paths.ts";
import { tryToStart } from "./start-trial.ts";

export interface Probe {
  /** The runner's effective user is root. */
  readonly root: boolean;
  /** The root directory is there for this runner alone, as a file of root's says. */
  readonly ownsRoot: boolean;
  readonly modes: Readonly<Record<RunMode, Ability>>;
  /** Programs can be started from where servers' roots will be, which all modes but overlay and baked need. */
  readonly start: Ability;
  /** A mount namespace with /proc, /dev and /sys, in chroot mode. */
  readonly mounts: Ability;
  readonly tools: Readonly<Record<NamespaceTool["name"], Ability>>;
  /** The tool that makes the user namespace in userns mode. */
  readonly namespaceTool?: NamespaceToolFound;
  /** What traces the server in proot mode. */
  readonly tracer?: Tracer;
  /** su-exec, where root finds it. */
  readonly dropTool?: string;
}

export interface NamespaceToolFound {
  readonly name: NamespaceTool["name"];
  readonly program: string;
}

export interface ProbeOptions {
  /** The runner's own PATH. */
  readonly searchPath: string;
  /** The directory that overlay would write to, and that may be a baked image. */
  readonly runtimeRoot?: string;
  /** Where servers' roots will be; programs are tried there. */
  readonly directory?: string;
}

// A container image whose root exists for nothing but the server declares it with this file.
const OWNERSHIP_MARKER = "etc/fastmcp-runner/owns-root";
// gosu has the same contract, but Go raises the limit of open files for the server as well.
const DROP_TOOL = "su-exec";

/** Finds out which run modes work here, in a few milliseconds. */
export async function probeMachine(options: ProbeOptions): Promise<Probe> {
  const { searchPath, runtimeRoot = "/", directory = tmpdir() } = options;
  const root = process.geteuid?.() === 0;
  const identity = root ? identityChange() : works("the server runs as this user");
  const mounts = mountAbility(root);
  const start = tryToStart(directory);
  const [trials, tracing] = await Promise.all([
    root ? namespaceToolsUntried("root needs no user namespace") : tryNamespaceTools(searchPath),
    tryTracer(searchPath, directory),
  ]);
  const owned = ownership(runtimeRoot);
  const found = trials.find((trial) => trial.ability.works && trial.program !== undefined);
  const dropTool = root ? findProgram(DROP_TOOL, searchPath) : undefined;
  return {
    root,
    ownsRoot: owned.works,
    modes: {
      overlay: all(identity, owned, overlayAbility(runtimeRoot)),
      chroot: whereProgramsStart(start, all(identity, chrootAbility(root, mounts))),
      userns: whereProgramsStart(start, usernsAbility(root, trials)),
      proot: all(identity, tracerAbility(tracing)),
      loader: whereProgramsStart(start, all(identity, loaderAbility(root))),
      baked: all(identity, bakedAbility(runtimeRoot)),
    },
    start,
    mounts,
    tools: Object.fromEntries(trials.map(({ name, ability }) => [name, ability])) as Probe["tools"],
    ...(found?.program === undefined
      ? {}
      : { namespaceTool: { name: found.name, program: found.program } }),
    ...("why" in tracing ? {} : { tracer: tracing }),
    ...(dropTool === undefined ? {} : { dropTool }),
  };
}

// What a mode lacks by itself comes first: another directory would not help it.
function whereProgramsStart(start: Ability, ability: Ability): Ability {
  return ability.works && !start.works ? start : ability;
}

function ownership(runtimeRoot: string): Ability {
  const marker = join(runtimeRoot, OWNERSHIP_MARKER);
  try {
    const stats = lstatSync(marker);
    if (stats.isFile() && stats.uid === 0) return works("the runner owns this root");
    return fails(`${marker} is not a regular file of root's`);
  } catch {
    return fails("the runner does not own this root, and would overwrite somebody's files");
  }
}

// Which of an image's files find their place is known when they are there; on a read-only root none does.
function overlayAbility(runtimeRoot: string): Ability {
  return SAFE_PATHS.some((path) => isWritable(existingAncestor(join(runtimeRoot, path))))
    ? works("the runner owns this root")
    : fails("nothing may be written to this root, so no image's files can be put there");
}

function chrootAbility(root: boolean, mounts: Ability): Ability {
  if (!root) return fails("only root may change the root directory");
  try {
    // To the root that it already is: allowed or refused like any other, and without effect.
    chroot("/");
  } catch (error) {
    return fails(reasonOf(error));
  }
  return works(
    `root may change the root directory, ${mounts.works ? mounts.detail : `without mounts (${mounts.why})`}`,
  );
}

// Trying it would move this thread to another namespace for good, so the launch itself is the proof, and does
// without mounts where a seccomp rule turns out to forbid them.
function mountAbility(root: boolean): Ability {
  if (!root) return fails("only root may mount without a user namespace");
  return missingCapabilities(["SYS_ADMIN"]).length === 0
    ? works("with /proc, /dev and /sys in a mount namespace of its own")
    : fails("no CAP_SYS_ADMIN");
}

// Root without these, or in a user namespace that does not map the server's user, could not become the server.
function identityChange(): Ability {
  const missing = missingCapabilities(["CHOWN", "SETUID", "SETGID"]);
  if (missing.length > 0) return fails(`root lacks CAP_${missing.join(", CAP_")}`);
  const { uid, gid } = SERVER_IDENTITY;
  return isMapped("uid", uid) && isMapped("gid", gid)
    ? works("root may become the server's user")
    : fails(`this user namespace has no user and group ${uid}`);
}

function usernsAbility(root: boolean, trials: readonly NamespaceTrial[]): Ability {
  if (root) return fails("it is for ordinary users; root changes the root directory itself");
  const found = trials.find((trial) => trial.ability.works);
  if (found !== undefined) return found.ability;
  return fails(
    trials
      .map(({ name, ability }) => `${name}: ${ability.works ? "works" : ability.why}`)
      .join(", "),
  );
}

// There is nothing to try: it needs no more than to start a program, and whether an image's command can be started like
// that is for its files to tell. Root changes links in a tree that belongs to the server's user by then.
function loaderAbility(root: boolean): Ability {
  const missing = root ? missingCapabilities(["DAC_OVERRIDE", "FOWNER"]) : [];
  if (missing.length > 0) return fails(`root lacks CAP_${missing.join(", CAP_")}`);
  return works(
    "it needs nothing, but the server sees this machine's files, and not every image can start",
  );
}

// Which image it is, and whether its description can be used, is read where it is started.
function bakedAbility(runtimeRoot: string): Ability {
  const path = join(runtimeRoot, BAKED_IMAGE_FILE);
  return existsSync(path)
    ? works("this root is an image that was baked, and nothing is pulled")
    : fails(`${path} does not exist, so this root is not a baked image`);
}

function tracerAbility(trial: TracerTrial): Ability {
  if ("why" in trial) return fails(trial.why);
  const { filtered, old } = trial;
  const cost = filtered ? "at system calls that name files" : "at every system call, which is slow";
  return works(`proot traces it ${cost}${old ? "; it does without newer system calls" : ""}`);
}
