// The ways to start the server that are compared: Node itself, and the runner in each of its modes, with what makes the
// runner take exactly that way here. Knows nothing of measuring.

import { chownSync, existsSync, mkdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { RunMode } from "../../../src/launch/run-mode.ts";
import { versionOf } from "../machine.ts";
import { type Ground, IS_ROOT, ORDINARY, type User } from "./ground.ts";
import { NODE, SERVER } from "./image.ts";

export interface Way {
  readonly name: string;
  /** Why it cannot be measured here, if so. */
  readonly problem: string | undefined;
  /** Makes everything ready for one start, in an empty directory of its own. */
  prepare(directory: string): Start;
}

/** All but the port, which the server gets as PORT. */
export interface Start {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Whom it is started as, when that is not the caller. */
  readonly user: User | undefined;
}

const ROOT_ONLY = IS_ROOT ? undefined : "only root can start it";
const HOST_PATH = process.env["PATH"] ?? "";
const RUNNER_ENV = {
  MCP_HOST: "127.0.0.1",
  // The runner's own HTTP server is not to stand in front.
  SERVER_TRANSPORT: "http",
  LOG_LEVEL: "warn",
  PATH: HOST_PATH,
};

/** `proots` are PRoot's programs, each of which is a way. The first is what the others are compared with. */
export function waysOn(ground: Ground, proots: readonly string[]): readonly Way[] {
  const ordinary = { user: ORDINARY };
  return [
    direct(ground),
    inContainer("baked", ground),
    inContainer("overlay", ground),
    onHost("chroot", ground, { problem: ROOT_ONLY }),
    onHost("chroot", ground, {
      name: "chroot, nothing mounted",
      through: ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--"],
      problem: ROOT_ONLY ?? missing("setpriv"),
    }),
    onHost("userns", ground, {
      ...ordinary,
      name: "userns, unshare",
      problem: missing("unshare"),
    }),
    onHost("userns", ground, {
      ...ordinary,
      name: "userns, bubblewrap",
      searchPath: placeWith("bwrap", Bun.which("bwrap"), ground),
      problem: missing("bwrap"),
    }),
    ...tracers(proots, ground),
    onHost("loader", ground, ordinary),
  ];
}

function direct({ tree }: Ground): Way {
  return {
    name: "Node alone",
    problem: undefined,
    prepare: () => ({
      argv: [join(tree, NODE), join(tree, SERVER)],
      env: { HOST: "127.0.0.1", PATH: HOST_PATH },
      user: ORDINARY,
    }),
  };
}

function tracers(proots: readonly string[], ground: Ground): readonly Way[] {
  if (proots.length === 0) return [onHost("proot", ground, { problem: "proot is not installed" })];
  return proots.map((program) =>
    onHost("proot", ground, {
      name: `proot, PRoot ${versionOf([program, "--version"])}`,
      user: ORDINARY,
      searchPath: `${placeWith("proot", program, ground)}:${HOST_PATH}`,
    }),
  );
}

/** The runner in a root that is there already, entered by the least that makes it `/`. */
function inContainer(mode: "baked" | "overlay", { containers }: Ground): Way {
  return {
    name: mode,
    problem: ROOT_ONLY ?? missing("unshare"),
    prepare(directory) {
      if (containers === undefined) throw new Error("there are no roots of containers");
      const { path, binary, env } = containers[mode];
      // A new container has nothing of what the last one's server was given.
      const placed = join(path, "app");
      if (mode === "overlay" && existsSync(placed)) renameSync(placed, join(directory, "app"));
      const user = mode === "baked" ? ["--setuid=1000", "--setgid=1000"] : [];
      const enter = ["unshare", "--mount", `--root=${path}`, "--mount-proc", "--wd=/", ...user];
      return {
        argv: [...enter, "--", binary],
        env: { ...RUNNER_ENV, ...env },
        user: undefined,
      };
    },
  };
}

interface HostOptions {
  /** The mode's own when absent. */
  readonly name?: string;
  readonly problem?: string | undefined;
  readonly user?: User | undefined;
  /** Where the runner finds its tools. */
  readonly searchPath?: string;
  /** What starts the runner. */
  readonly through?: readonly string[];
}

/** The runner on this machine's root, with a cache that knows the image. */
function onHost(mode: RunMode, { binary, image, caches }: Ground, options: HostOptions): Way {
  const { name = mode, problem, user, searchPath: path = HOST_PATH, through = [] } = options;
  return {
    name,
    problem,
    prepare(directory) {
      const work = join(directory, "work");
      mkdirSync(work);
      if (user !== undefined) chownSync(work, user.uid, user.gid);
      const cache = user === undefined ? caches.own : caches.ordinary;
      const env = { IMAGE: image, RUN_MODE: mode, CACHE_DIR: cache, WORK_DIR: work };
      return { argv: [...through, binary], env: { ...RUNNER_ENV, ...env, PATH: path }, user };
    },
  };
}

let places = 0;

/** A directory that has nothing but this program. */
function placeWith(name: string, program: string | null, { directory }: Ground): string {
  const place = join(directory, `path-${(places += 1)}`);
  mkdirSync(place);
  if (program !== null) symlinkSync(program, join(place, name));
  return place;
}

function missing(program: string): string | undefined {
  return Bun.which(program) === null ? `${program} is not installed` : undefined;
}
