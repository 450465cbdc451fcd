// A registry with one small image, a cache beside it, and runs of the binary that use both.

import { chownSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type BuiltImage, buildImage } from "./image-builder.ts";
import {
  type LoopbackRegistry,
  type LoopbackRegistryOptions,
  startLoopbackRegistry,
} from "./loopback-registry.ts";
import { runModeProblem } from "./privileges.ts";
import { programProblem, unless } from "./requirements.ts";
import { type RunnerEnd, runRunner } from "./runner.ts";
import { tempDir } from "./temp-dir.ts";

/** What the image needs. */
export const PARTS_PROBLEM = programProblem("busybox");

/** A test that starts the image. */
export const startTest = unless(PARTS_PROBLEM, runModeProblem());

/** What the first start of the image asks: its manifest, config and two layers. */
export const COLD_REQUESTS = ["GET manifests", "GET blobs", "GET blobs", "GET blobs"];

export const RUN_MS = 30_000;

const BUSYBOX = Bun.which("busybox") ?? "";
// More than the cache reads as a whole before it believes it.
const LARGE_BYTES = 9 * 1024 ** 2;

/** An image whose server prints its version: one large layer that all have, and one that differs. */
export function versionImage(version: string): BuiltImage {
  return buildImage({
    compression: "none",
    layers: [
      [
        { path: "bin/busybox", source: BUSYBOX, mode: 0o755 },
        { path: "lib/large", content: "x".repeat(LARGE_BYTES) },
      ],
      [{ path: "version", content: version }],
    ],
    config: { Cmd: ["/bin/busybox", "cat", "/version"] },
  });
}

export interface CachedRuns extends Disposable {
  /** Has `server:1`, which prints "one". */
  readonly registry: LoopbackRegistry;
  readonly cache: string;
  /** For a run of the image with the cache. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the registry was asked since this was last called: method and kind. */
  requests(): readonly string[];
  run(changes?: Readonly<Record<string, string>>, user?: number): Promise<RunnerEnd>;
}

export function cachedRuns(options: LoopbackRegistryOptions = {}): CachedRuns {
  const dir = tempDir();
  const images = { "server:1": versionImage("one") };
  const registry = startLoopbackRegistry({ images, ...options });
  const cache = dir.file("cache");
  const environment = {
    IMAGE: `${registry.host}/server:1`,
    MCP_TRANSPORT: "stdio",
    REGISTRY_CLIENT: "builtin",
    CACHE_DIR: cache,
  };
  let told = 0;
  return {
    registry,
    cache,
    environment,
    requests() {
      const asked = registry.requests.slice(told);
      told = registry.requests.length;
      return asked.map(({ method, path }) => `${method} ${path.split("/").at(-2)}`);
    },
    run(changes = {}, user) {
      if (user !== undefined) chownSync(dir.path, user, user);
      return runRunner({
        environment: { ...environment, ...changes },
        ...(user === undefined ? {} : { user }),
      });
    },
    [Symbol.dispose]() {
      registry[Symbol.dispose]();
      dir[Symbol.dispose]();
    },
  };
}

/** A file or directory of the one tree in a cache. */
export function inTree(cache: string, name: string): string {
  const [tree = ""] = readdirSync(join(cache, "v1/trees"));
  return join(cache, "v1/trees", tree, name);
}

export function blobsOf(cache: string): readonly string[] {
  const directory = join(cache, "v1/blobs/sha256");
  return readdirSync(directory).map((hex) => join(directory, hex));
}

export function removeTrees(cache: string): void {
  rmSync(join(cache, "v1/trees"), { recursive: true });
}
