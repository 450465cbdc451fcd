// Stage 5: decides who the server is and everything about its start, and gives it its files. Nobody's identity
// changes yet: that is the last thing before the server, in stage 6.

import { commandOf } from "../launch/command.ts";
import { environmentOf } from "../launch/environment.ts";
import { examineCommand, requireRunnable } from "../launch/executable.ts";
import type { LaunchPlan } from "../launch/launch-plan.ts";
import { planLoader } from "../launch/loader-plan.ts";
import { giveTree, serverIdentity, type Identity } from "../launch/ownership.ts";
import type { Probe } from "../launch/probe.ts";
import {
  findIn,
  ownRootView,
  privateRootView,
  textIn,
  type RootView,
} from "../launch/root-view.ts";
import type { ChosenMode } from "../launch/run-mode.ts";
import { mayBeServers } from "../launch/safe-paths.ts";
import { homeOf } from "../launch/user.ts";
import {
  prepareHome,
  prepareWorkingDirectory,
  resolveWorkingDirectory,
} from "../launch/working-directory.ts";
import { log } from "../log.ts";

/** What stage 4 leaves, or a build long before: the tree and the way it will be run. */
export interface LaunchableRootfs extends ChosenMode {
  /** The tree as it was extracted; in overlay, what did not move. */
  readonly root: string;
  /** Set where the tree is shared: this run's own directory, for what the server changes. */
  readonly scratch?: string;
}

export interface LaunchableImage {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly workingDir: string;
  readonly user: string;
}

export interface LaunchRequest {
  readonly serverArguments: readonly string[];
  readonly serverEnvironment: Readonly<Record<string, string>>;
  readonly mcpTransport: string;
  readonly mcpHost: string;
  readonly mcpPath: string;
  readonly port?: number | undefined;
}

/** What of a probe a plan depends on. */
export type Rights = Pick<Probe, "root" | "dropTool" | "namespaceTool" | "tracer">;

const RUNTIME_ROOT = "/";
const PARTIAL = {
  lack: "run mode overlay has only the safe paths of the image",
  hint: "Leave RUN_MODE empty: auto takes a mode with all of the image's files wherever one works.",
};
/** No passwd file is read that is larger. */
export const MAX_PASSWD_BYTES = 1_048_576;

/**
 * Throws COMMAND_MISSING, COMMAND_NOT_FOUND, COMMAND_NOT_RUNNABLE, WORKDIR_UNUSABLE; in loader mode also
 * RUN_MODE_UNAVAILABLE.
 */
export function dropPrivileges(
  rootfs: LaunchableRootfs,
  image: LaunchableImage,
  request: LaunchRequest,
  probe: Rights,
): LaunchPlan {
  const identity = serverIdentity();
  const overlay = rootfs.mode === "overlay";
  // In both the server's root is the runner's own, whose files belong to whom they did.
  const own = overlay || rootfs.mode === "baked";
  const root = own ? RUNTIME_ROOT : rootfs.root;
  const view = own ? ownRootView(root) : privateRootView(root);
  const argv = commandOf({ ...image, serverArguments: request.serverArguments });
  const shared = !own && rootfs.scratch !== undefined;
  if (probe.root && !own && !shared) giveTree(root, identity);
  const owner = { identity, owns: (path: string) => !overlay || mayBeServers(path) };
  const workingDirectory = shared
    ? resolveWorkingDirectory(root, image.workingDir).path
    : prepareWorkingDirectory(root, image.workingDir, owner);
  const variables = variablesOf(image, request);
  const home =
    variables["HOME"] ?? homeIn(rootfs, image.user, { view, identity, workingDirectory });
  const homeless = shared ? undefined : prepareHome(root, home, owner);
  if (homeless !== undefined) log.warn(homeless);
  const environment: Record<string, string> = { ...variables, HOME: home };
  const searchPath = environment["PATH"] ?? "";
  const { program } = requireRunnable(
    examineCommand(view, argv[0], { searchPath, workingDirectory, identity }),
    overlay ? PARTIAL : undefined,
  );
  const plan: LaunchPlan = {
    mode: rootfs.mode,
    reason: rootfs.reason,
    root,
    ...(shared ? { scratch: rootfs.scratch } : {}),
    program,
    argv,
    environment,
    workingDirectory,
    identity,
    drop: probe.root,
    ...(probe.dropTool === undefined ? {} : { dropTool: probe.dropTool }),
    ...(probe.namespaceTool === undefined ? {} : { namespaceTool: probe.namespaceTool }),
    ...(probe.tracer === undefined ? {} : { tracer: probe.tracer }),
  };
  return plan.mode === "loader" ? planLoader(plan, log.warn) : plan;
}

/** The server's environment but for a HOME that nobody has set, which needs the image's files. */
export function variablesOf(
  image: LaunchableImage,
  request: LaunchRequest,
): Record<string, string> {
  return environmentOf({
    imageEnv: image.env,
    serverEnvironment: request.serverEnvironment,
    transport: request.mcpTransport,
    host: request.mcpHost,
    path: request.mcpPath,
    port: request.port,
  });
}

interface HomeContext {
  readonly view: RootView;
  readonly identity: Identity;
  readonly workingDirectory: string;
}

// In overlay most homes of the image's passwd are not there, or are the runner's own (/root). In a baked root it may be
// the container engine's by now, which podman has say that UID 1000 lives in /.
function homeIn(
  { root, mode }: LaunchableRootfs,
  unsafeUser: string,
  { view, identity, workingDirectory }: HomeContext,
): string {
  const isServers = (path: string) => findIn(view, path)?.stats.uid === identity.uid;
  const ownRoot = mode === "overlay" || mode === "baked";
  return homeOf({
    unsafeUser,
    unsafePasswd: textIn(privateRootView(root), "/etc/passwd", MAX_PASSWD_BYTES),
    uid: identity.uid,
    workingDirectory:
      ownRoot && !isServers(workingDirectory)
        ? runnersHomeFor(identity, { view, isServers })
        : workingDirectory,
    accepts: (home) => !ownRoot || isServers(home),
  });
}

// An image without a word about directories has the server work in /, which on a root of the runner's is not its own.
function runnersHomeFor(
  { uid }: Identity,
  root: { readonly view: RootView; readonly isServers: (path: string) => boolean },
): string {
  return homeOf({
    unsafeUser: String(uid),
    unsafePasswd: textIn(root.view, "/etc/passwd", MAX_PASSWD_BYTES),
    uid,
    workingDirectory: "/tmp",
    accepts: root.isServers,
  });
}
