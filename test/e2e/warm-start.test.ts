// The second start of an image: what is asked of the registry, and what is unpacked.

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  cachedRuns,
  COLD_REQUESTS,
  PARTS_PROBLEM,
  removeTrees,
  RUN_MS,
  startTest,
  versionImage,
} from "../support/cached-runs.ts";
import { ORDINARY_USER, otherUserProblem, runModeProblem } from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { runRunner } from "../support/runner.ts";
import { tempDir } from "../support/temp-dir.ts";

const IS_ROOT = process.getuid?.() === 0;

describe("a second start", () => {
  startTest(
    "of an unchanged image makes one HEAD request and unpacks nothing",
    async () => {
      using at = cachedRuns();
      expect(await at.run()).toMatchObject({ stdout: "one", status: 0 });
      expect(at.requests()).toEqual(COLD_REQUESTS);
      const trees = readdirSync(join(at.cache, "v1/trees"));
      const again = await at.run();
      expect(again).toMatchObject({ stdout: "one", status: 0 });
      expect(at.requests()).toEqual(["HEAD manifests"]);
      expect(again.stderr).toContain("the image is unpacked already");
      expect(readdirSync(join(at.cache, "v1/trees"))).toEqual(trees);
    },
    RUN_MS,
  );

  startTest(
    "of a pinned image makes no request",
    async () => {
      using at = cachedRuns();
      const image = versionImage("one");
      const IMAGE = `${at.registry.host}/server@${image.root.digest}`;
      expect(await at.run({ IMAGE })).toMatchObject({ stdout: "one" });
      at.requests();
      expect(await at.run({ IMAGE })).toMatchObject({ stdout: "one" });
      expect(at.requests()).toEqual([]);
    },
    RUN_MS,
  );

  startTest(
    "of an image with one layer changed fetches that layer",
    async () => {
      using at = cachedRuns();
      await at.run();
      at.requests();
      at.registry.add("server:1", versionImage("two"));
      expect(await at.run()).toMatchObject({ stdout: "two" });
      // The config changes with its layers' digests.
      expect(at.requests()).toEqual(["HEAD manifests", "GET manifests", "GET blobs", "GET blobs"]);
    },
    RUN_MS,
  );

  startTest(
    "of a registry that tells no digest asks for the manifest",
    async () => {
      using at = cachedRuns({
        intercept: ({ method }) => (method === "HEAD" ? new Response(null) : undefined),
      });
      await at.run();
      at.requests();
      expect(await at.run()).toMatchObject({ stdout: "one" });
      expect(at.requests().filter((request) => request.startsWith("GET"))).toEqual([
        "GET manifests",
      ]);
    },
    RUN_MS,
  );

  startTest(
    "of another image fetches what they do not share",
    async () => {
      using at = cachedRuns();
      await at.run();
      at.registry.add("other:1", versionImage("three"));
      at.requests();
      const IMAGE = `${at.registry.host}/other:1`;
      expect(await at.run({ IMAGE })).toMatchObject({ stdout: "three" });
      expect(at.requests()).toEqual(["GET manifests", "GET blobs", "GET blobs"]);
    },
    RUN_MS,
  );

  startTest(
    "finds the tree as it was, whatever the first server did to its own",
    async () => {
      using at = cachedRuns();
      const start = (words: string[]) =>
        runRunner({
          arguments: ["run", "--", "/bin/busybox", ...words],
          environment: at.environment,
        });
      const first = await start(["sh", "-c", "echo changed > /version; cat /version"]);
      expect(first.stdout).toBe("changed\n");
      expect((await start(["cat", "/version"])).stdout).toBe("one");
    },
    RUN_MS,
  );
});

unless(PARTS_PROBLEM, IS_ROOT ? otherUserProblem() : undefined, runModeProblem(ORDINARY_USER))(
  "an ordinary user's second start makes one HEAD request",
  async () => {
    using at = cachedRuns();
    const user = IS_ROOT ? ORDINARY_USER : undefined;
    expect(await at.run({}, user)).toMatchObject({ stdout: "one", status: 0 });
    at.requests();
    expect(await at.run({}, user)).toMatchObject({ stdout: "one", status: 0 });
    expect(at.requests()).toEqual(["HEAD manifests"]);
  },
  RUN_MS,
);

unless(PARTS_PROBLEM, programProblem("crane"), runModeProblem())(
  "a second start through crane fetches neither manifests nor layers",
  async () => {
    using at = cachedRuns();
    const crane = { REGISTRY_CLIENT: "crane" };
    expect(await at.run(crane)).toMatchObject({ stdout: "one", status: 0 });
    at.requests();
    expect(await at.run(crane)).toMatchObject({ stdout: "one", status: 0 });
    // crane says hello first.
    expect(at.requests().filter((request) => request !== "GET v2")).toEqual(["HEAD manifests"]);
  },
  RUN_MS,
);

describe("PULL_POLICY", () => {
  startTest(
    "missing asks for nothing that is there",
    async () => {
      using at = cachedRuns();
      expect(await at.run({ PULL_POLICY: "missing" })).toMatchObject({ stdout: "one" });
      at.requests();
      at.registry.add("server:1", versionImage("two"));
      expect(await at.run({ PULL_POLICY: "missing" })).toMatchObject({ stdout: "one" });
      expect(at.requests()).toEqual([]);
    },
    RUN_MS,
  );

  startTest(
    "never asks for nothing at all",
    async () => {
      using at = cachedRuns();
      const refused = await at.run({ PULL_POLICY: "never" });
      expect(refused.stderr).toContain("IMAGE_NOT_FOUND");
      expect(refused.status).toBe(125);
      expect(at.requests()).toEqual([]);
      await at.run();
      at.requests();
      expect(await at.run({ PULL_POLICY: "never" })).toMatchObject({ stdout: "one" });
      expect(at.requests()).toEqual([]);
    },
    RUN_MS,
  );

  startTest(
    "never unpacks again from cached layers",
    async () => {
      using at = cachedRuns();
      await at.run();
      at.requests();
      removeTrees(at.cache);
      expect(await at.run({ PULL_POLICY: "never" })).toMatchObject({ stdout: "one" });
      expect(at.requests()).toEqual([]);
    },
    RUN_MS,
  );

  test.each([
    [{ PULL_POLICY: "missing" }, "PULL_POLICY is missing"],
    [{ PULL_POLICY: "never" }, "PULL_POLICY is never"],
    [{ OFFLINE_START: "1" }, "OFFLINE_START is 1"],
  ])("%p without CACHE_DIR is refused", async (settings, words) => {
    using at = cachedRuns();
    const { status, stderr } = await at.run({ ...settings, CACHE_DIR: "" });
    expect(stderr).toContain(words);
    expect(stderr).toContain("INPUT_INVALID");
    expect(status).toBe(2);
  });
});

describe("pull", () => {
  startTest(
    "writes a tree of its own from cached layers, and leaves them for a start",
    async () => {
      using at = cachedRuns();
      using dir = tempDir();
      const pull = (to: string) =>
        runRunner({
          arguments: ["pull", `${at.registry.host}/server:1`, "--to", dir.file(to)],
          environment: { CACHE_DIR: at.cache, REGISTRY_CLIENT: "builtin" },
        });
      expect((await pull("one")).status).toBe(0);
      expect(at.requests()).toEqual(COLD_REQUESTS);
      expect((await pull("two")).status).toBe(0);
      expect(at.requests()).toEqual(["HEAD manifests"]);
      writeFileSync(dir.file("two/version"), "changed");
      expect(readFileSync(dir.file("one/version"), "utf8")).toBe("one");
      expect(await at.run({ PULL_POLICY: "never" })).toMatchObject({ stdout: "one" });
    },
    RUN_MS,
  );
});
