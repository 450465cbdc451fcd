// What becomes of a cached image when its registry, the disk or another runner fails.

import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  blobsOf,
  cachedRuns,
  inTree,
  PARTS_PROBLEM,
  removeTrees,
  RUN_MS,
  startTest,
} from "../support/cached-runs.ts";
import { mountProblem, runModeProblem } from "../support/privileges.ts";
import { unless } from "../support/requirements.ts";
import { startRunner } from "../support/runner.ts";
import { tempDir } from "../support/temp-dir.ts";

const HOUR = 60 * 60 * 1000;
const KILLS = 16;
const LONGEST_MS = 160;

describe("a registry that cannot be asked", () => {
  const outages: readonly (readonly [string, string, () => Response])[] = [
    ["limits pulls", "REGISTRY_LIMITED", () => answer(429)],
    ["is in trouble", "REGISTRY_", () => answer(503)],
  ];

  startTest(
    "starts the cached image only with OFFLINE_START=1, and loudly",
    async () => {
      using at = cachedRuns();
      await at.run();
      at.registry[Symbol.dispose]();
      const refused = await at.run();
      expect(refused.stderr).toContain("REGISTRY_UNREACHABLE");
      expect(refused.stderr).toContain("OFFLINE_START");
      expect(refused.status).toBe(125);
      const started = await at.run({ OFFLINE_START: "1" });
      expect(started).toMatchObject({ stdout: "one", status: 0 });
      expect(started.stderr).toContain("AS IT WAS LAST PULLED");
      expect(refused.stderr.match(/trying again/g)).toHaveLength(4);
      expect(started.stderr.match(/trying again/g)).toHaveLength(2);
    },
    RUN_MS * 3,
  );

  startTest(
    "does not name OFFLINE_START where nothing is cached",
    async () => {
      using at = cachedRuns();
      at.registry[Symbol.dispose]();
      expect((await at.run()).stderr).not.toContain("OFFLINE_START");
    },
    RUN_MS * 3,
  );

  test.each([...outages])(
    "%s [%s]",
    async (_, code, refusal) => {
      if (PARTS_PROBLEM !== undefined) return;
      let isOut = false;
      using at = cachedRuns({ intercept: () => (isOut ? refusal() : undefined) });
      await at.run();
      isOut = true;
      expect((await at.run()).stderr).toContain(code);
      expect(await at.run({ OFFLINE_START: "1" })).toMatchObject({ stdout: "one", status: 0 });
    },
    RUN_MS * 3,
  );

  test.each([
    ["denies the image", "REGISTRY_DENIED", 403],
    ["has the image no more", "IMAGE_NOT_FOUND", 404],
    ["has taken the image away", "IMAGE_NOT_FOUND", 410],
    ["forbids the image by a rule", "REGISTRY_DENIED", 412],
    ["withholds the image by law", "REGISTRY_DENIED", 451],
  ])(
    "but %s, starts nothing",
    async (_, code, status) => {
      if (PARTS_PROBLEM !== undefined) return;
      let isOut = false;
      using at = cachedRuns({ intercept: () => (isOut ? answer(status) : undefined) });
      await at.run();
      isOut = true;
      const refused = await at.run({ OFFLINE_START: "1" });
      expect(refused.stderr).toContain(code);
      expect(refused).toMatchObject({ stdout: "", status: 125 });
    },
    RUN_MS,
  );
});

describe("what is damaged is mended by the next start:", () => {
  startTest(
    "a file of the tree, without a request for a layer",
    async () => {
      using at = cachedRuns();
      await at.run();
      at.requests();
      appendFileSync(inTree(at.cache, "root/version"), "!");
      expect(await at.run()).toMatchObject({ stdout: "one" });
      expect(at.requests()).toEqual(["HEAD manifests"]);
    },
    RUN_MS,
  );

  const damages: readonly (readonly [string, (path: string) => void])[] = [
    ["removed", (path) => rmSync(path)],
    ["emptied", (path) => truncateSync(path, 0)],
    ["cut", (path) => truncateSync(path, readFileSync(path).length - 1)],
    ["flipped", (path) => flip(path)],
  ];
  test.each([...damages])(
    "every blob is %s",
    async (_, damage) => {
      if (PARTS_PROBLEM !== undefined) return;
      using at = cachedRuns();
      await at.run();
      removeTrees(at.cache);
      blobsOf(at.cache).forEach(damage);
      at.requests();
      expect(await at.run()).toMatchObject({ stdout: "one", status: 0 });
      expect(at.requests().filter((request) => request === "GET blobs").length).toBeGreaterThan(2);
      removeTrees(at.cache);
      expect(await at.run({ PULL_POLICY: "never" })).toMatchObject({ stdout: "one", status: 0 });
    },
    RUN_MS,
  );
});

startTest(
  "a cache that cannot be tidied is told of, and its image starts",
  async () => {
    using at = cachedRuns();
    await at.run();
    writeFileSync(join(at.cache, "v1/blobs/stray"), "");
    removeTrees(at.cache);
    const started = await at.run();
    expect(started).toMatchObject({ stdout: "one", status: 0 });
    expect(started.stderr).toContain("the cache could not be tidied");
  },
  RUN_MS,
);

describe("two runners at once", () => {
  startTest(
    "share one download",
    async () => {
      using at = cachedRuns();
      const ends = await Promise.all([at.run(), at.run(), at.run()]);
      expect(ends.map(({ stdout }) => stdout)).toEqual(["one", "one", "one"]);
      expect(at.requests().filter((request) => request === "GET blobs")).toHaveLength(3);
      expect(readdirSync(join(at.cache, "v1/trees"))).toHaveLength(1);
    },
    RUN_MS,
  );

  startTest(
    "of which one waits end with the signal that it gets",
    async () => {
      const goOn = Promise.withResolvers<void>();
      const arrivals = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      let manifests = 0;
      using at = cachedRuns({
        async intercept({ path }) {
          if (path.includes("/manifests/")) arrivals[manifests++]?.resolve();
          if (path.includes("/blobs/")) await goOn.promise;
          return undefined;
        },
      });
      await using first = await startRunner({ environment: at.environment });
      await arrivals[0]?.promise;
      await using second = await startRunner({ environment: at.environment });
      await arrivals[1]?.promise;
      second.process.kill("SIGTERM");
      expect((await second.end()).status).toBe(143);
      goOn.resolve();
      expect(await first.end()).toMatchObject({ stdout: "one", status: 0 });
    },
    RUN_MS,
  );

  startTest(
    `of which ${KILLS} are killed at any moment never start half an image`,
    async () => {
      using at = cachedRuns();
      for (let kill = 0; kill < KILLS; kill += 1) {
        await using runner = await startRunner({ environment: at.environment });
        const end = runner.end();
        // From before the first request to after the last act.
        await Promise.race([end, Bun.sleep((kill / KILLS) * LONGEST_MS)]);
        runner.process.kill("SIGKILL");
        const { stdout, status } = await end;
        if (status !== 0) continue;
        expect(stdout).toBe("one");
        // The next one begins anew.
        rmSync(at.cache, { recursive: true });
      }
      expect(await at.run()).toMatchObject({ stdout: "one", status: 0 });
      expect(readdirSync(join(at.cache, "v1/tmp"))).toEqual([]);
    },
    RUN_MS,
  );

  startTest(
    "of which one is killed leave the other a whole image",
    async () => {
      const halfWay = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      let isFirst = true;
      using at = cachedRuns({
        async intercept({ path }) {
          if (!path.includes("/blobs/") || !isFirst) return undefined;
          isFirst = false;
          halfWay.resolve();
          await goOn.promise;
          return undefined;
        },
      });
      await using first = await startRunner({ environment: at.environment });
      await halfWay.promise;
      const second = at.run();
      first.process.kill("SIGKILL");
      await first.process.exited;
      goOn.resolve();
      expect(await second).toMatchObject({ stdout: "one", status: 0 });
      expect(readdirSync(join(at.cache, "v1/tmp"))).toEqual([]);
    },
    RUN_MS,
  );
});

test(
  "a small limit is no reason not to start, and what is too much goes",
  async () => {
    if (PARTS_PROBLEM !== undefined) return;
    using at = cachedRuns();
    expect(await at.run({ CACHE_MAX_BYTES: "1M" })).toMatchObject({ stdout: "one" });
    expect(readdirSync(join(at.cache, "v1/blobs/sha256"))).toEqual([]);
    expect(existsSync(join(at.cache, "v1/trees"))).toBe(true);
  },
  RUN_MS,
);

unless(PARTS_PROBLEM, mountProblem(), runModeProblem())(
  "a start on a full disk takes the room that the cache can spare",
  async () => {
    using at = cachedRuns();
    using disk = tempDir();
    Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=150m,mode=700", "tmpfs", disk.path]);
    try {
      const CACHE_DIR = disk.file("cache");
      expect(await at.run({ CACHE_DIR })).toMatchObject({ stdout: "one" });
      removeTrees(CACHE_DIR);
      const ballast = join(CACHE_DIR, "v1/blobs/sha256", "0".repeat(64));
      writeFileSync(ballast, Buffer.alloc(130 * 1024 ** 2));
      const old = new Date(Date.now() - 2 * HOUR);
      utimesSync(ballast, old, old);
      const started = await at.run({ CACHE_DIR });
      expect(started.stderr).toContain("the disk is full");
      expect(started).toMatchObject({ stdout: "one", status: 0 });
      expect(existsSync(ballast)).toBe(false);
    } finally {
      Bun.spawnSync(["umount", disk.path]);
    }
  },
  RUN_MS,
);

function answer(status: number): Response {
  return Response.json({ errors: [{ code: "UNKNOWN", message: "no" }] }, { status });
}

function flip(path: string): void {
  const bytes = readFileSync(path);
  const middle = bytes.length >> 1;
  writeFileSync(path, bytes.with(middle, (bytes[middle] ?? 0) ^ 1));
}
