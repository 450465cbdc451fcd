// What has to be there before the server is started in any way: the image as a layout on disk, its tree unpacked by
// the runner, the roots of containers, and a cache for each user.

import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { layoutFiles, writeFiles } from "../../../test/support/disk-image.ts";
import type { BuiltImage } from "../../../test/support/image-builder.ts";

export interface User {
  readonly uid: number;
  readonly gid: number;
}

export interface Ground {
  /** The runner. */
  readonly binary: string;
  /** As IMAGE names it. */
  readonly image: string;
  /** The image's root filesystem, for Node alone. */
  readonly tree: string;
  /** Roots of containers, which only root can enter. */
  readonly containers?: Readonly<Record<"baked" | "overlay", ContainerRoot>>;
  /** Caches of the caller and of the ordinary user. */
  readonly caches: { readonly own: string; readonly ordinary: string };
  /** For whatever a way needs besides. */
  readonly directory: string;
}

export interface ContainerRoot {
  readonly path: string;
  /** The runner in it, as it is named there. */
  readonly binary: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Whether the bench can do what only root can. */
export const IS_ROOT = process.getuid?.() === 0;
/** Who is an ordinary user: the caller, where that is one. */
export const ORDINARY: User | undefined = IS_ROOT ? { uid: 1000, gid: 1000 } : undefined;

/** Prepares it in a new directory, in one that everybody may pass through. */
export function prepareGround(built: BuiltImage, runner: string, directory: string): Ground {
  mkdirSync(directory);
  const binary = join(directory, "fastmcp-runner");
  copyFileSync(runner, binary);
  const layout = join(directory, "layout");
  writeFiles(layout, layoutFiles({ image: built, name: "1" }));
  const image = `oci:${layout}:1`;
  const pull = (name: string, ...options: readonly string[]) => {
    const path = join(directory, name);
    must([binary, "pull", image, "--to", path, ...options]);
    return path;
  };
  const caches = { own: join(directory, "cache"), ordinary: join(directory, "ordinary-cache") };
  for (const cache of Object.values(caches)) mkdirSync(cache, { mode: 0o700 });
  if (ORDINARY !== undefined) chownSync(caches.ordinary, ORDINARY.uid, ORDINARY.gid);
  return {
    binary,
    image,
    tree: pull("tree"),
    ...(IS_ROOT
      ? {
          containers: {
            baked: bakedRoot(pull("baked", "--bake"), binary),
            overlay: ownedRoot(pull("owned"), { binary, layout }),
          },
        }
      : {}),
    caches,
    directory,
  };
}

function bakedRoot(path: string, runner: string): ContainerRoot {
  const binary = "/.fastmcp-runner/fastmcp-runner";
  install(runner, join(path, binary));
  return { path, binary, env: {} };
}

/** A runner's container with Node in it, and the image's layout and a cache on volumes. */
function ownedRoot(
  path: string,
  { binary: runner, layout }: { readonly binary: string; readonly layout: string },
): ContainerRoot {
  const binary = "/usr/local/bin/fastmcp-runner";
  install(runner, join(path, binary));
  rmSync(join(path, "app"), { recursive: true });
  mkdirSync(join(path, "proc"));
  mkdirSync(join(path, "etc/fastmcp-runner"));
  writeFileSync(
    join(path, "etc/fastmcp-runner/owns-root"),
    "It exists for nothing but the server.\n",
  );
  cpSync(layout, join(path, "layout"), { recursive: true });
  const env = { IMAGE: "oci:/layout:1", RUN_MODE: "overlay", CACHE_DIR: "/cache" };
  return { path, binary, env };
}

function install(program: string, destination: string): void {
  mkdirSync(dirname(destination), { recursive: true });
  copyFileSync(program, destination);
  chmodSync(destination, 0o755);
}

function must(argv: readonly string[]): void {
  const run = Bun.spawnSync([...argv], { env: { PATH: "/usr/bin:/bin", HOME: "/nonexistent" } });
  if (run.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${run.stderr.toString()}`);
}
