// The second start of an image: what is asked of the registry, what is unpacked, and what becomes of a registry, a disk
// or a runner that fails in between.

import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type BuiltImage, buildImage } from "../support/image-builder.ts";
import {
  type LoopbackRegistry,
  type LoopbackRegistryOptions,
  startLoopbackRegistry,
} from "../support/loopback-registry.ts";
import { ORDINARY_USER, otherUserProblem, runModeProblem } from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { runRunner, startRunner } from "../support/runner.ts";
import { tempDir } from "../support/temp-dir.ts";

const RUN_MS = 30_000;
const isRoot = process.getuid?.() === 0;
const partsProblem = programProblem("busybox");
const registered = unless(partsProblem, runModeProblem());

const BUSYBOX = Bun.which("busybox") ?? "";
// More than the cache reads whole before it believes it.
const LARGE_BYTES = 9 * 1024 ** 2;

/** An image whose server prints its version; one large layer, one that differs. */
function versionImage(version: string): BuiltImage {
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

interface Place extends Disposable {
  readonly registry: LoopbackRegistry;
  readonly cache: string;
  /** What the registry was asked since this was last called, without host and repository. */
  requests(): readonly string[];
  run(environment?: Readonly<Record<string, string>>, user?: number): ReturnType<typeof runRunner>;
}

function place(options: LoopbackRegistryOptions = {}): Place {
  const dir = tempDir();
  const registry = startLoopbackRegistry({
    images: { "server:1": versionImage("one") },
    ...options,
  });
  let told = 0;
  return {
    registry,
    cache: dir.file("cache"),
    requests() {
      const asked = registry.requests.slice(told);
      told = registry.requests.length;
      return asked.map(({ method, path }) => `${method} ${path.split("/").at(-2)}`);
    },
    run(environment = {}, user) {
      if (user !== undefined) chownSync(dir.path, user, user);
      return runRunner({
        environment: {
          IMAGE: `${registry.host}/server:1`,
          MCP_TRANSPORT: "stdio",
          REGISTRY_CLIENT: "builtin",
          CACHE_DIR: dir.file("cache"),
          ...environment,
        },
        ...(user === undefined ? {} : { user }),
      });
    },
    [Symbol.dispose]() {
      registry[Symbol.dispose]();
      dir[Symbol.dispose]();
    },
  };
}

const COLD = ["GET manifests", "GET blobs", "GET blobs", "GET blobs"];

describe("a second start", () => {
  registered(
    "of an unchanged image makes one HEAD request and unpacks nothing",
    async () => {
      using at = place();
      expect(await at.run()).toMatchObject({ stdout: "one", status: 0 });
      expect(at.requests()).toEqual(COLD);
      const trees = readdirSync(join(at.cache, "v1/trees"));
      const again = await at.run();
      expect(again).toMatchObject({ stdout: "one", status: 0 });
      expect(at.requests()).toEqual(["HEAD manifests"]);
      expect(again.stderr).toContain("the image is unpacked already");
      expect(readdirSync(join(at.cache, "v1/trees"))).toEqual(trees);
    },
    RUN_MS,
  );

  registered(
    "of a pinned image makes no request",
    async () => {
      using at = place();
      const image = versionImage("one");
      const IMAGE = `${at.registry.host}/server@${image.root.digest}`;
      expect(await at.run({ IMAGE })).toMatchObject({ stdout: "one" });
      at.requests();
      expect(await at.run({ IMAGE })).toMatchObject({ stdout: "one" });
      expect(at.requests()).toEqual([]);
    },
    RUN_MS,
  );

  registered(
    "of an image with one layer changed fetches that layer",
    async () => {
      using at = place();
      await at.run();
      at.requests();
      at.registry.add("server:1", versionImage("two"));
      expect(await at.run()).toMatchObject({ stdout: "two" });
      // The config changes with its layers' digests.
      expect(at.requests()).toEqual(["HEAD manifests", "GET manifests", "GET blobs", "GET blobs"]);
    },
    RUN_MS,
  );

  registered(
    "of a registry that tells no digest asks for the manifest",
    async () => {
      using at = place({
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

  registered(
    "of another image fetches what they do not share",
    async () => {
      using at = place();
      await at.run();
      at.registry.add("other:1", versionImage("three"));
      at.requests();
      const IMAGE = `${at.registry.host}/other:1`;
      expect(await at.run({ IMAGE })).toMatchObject({ stdout: "three" });
      expect(at.requests()).toEqual(["GET manifests", "GET blobs", "GET blobs"]);
    },
    RUN_MS,
  );

  registered(
    "finds the tree as it was, whatever the first server did to its own",
    async () => {
      using at = place();
      const busybox = (...words: string[]) => ["run", "--", "/bin/busybox", ...words];
      const start = (words: string[]) =>
        runRunner({
          arguments: busybox(...words),
          environment: {
            IMAGE: `${at.registry.host}/server:1`,
            MCP_TRANSPORT: "stdio",
            CACHE_DIR: at.cache,
          },
        });
      const first = await start(["sh", "-c", "echo changed > /version; cat /version"]);
      expect(first.stdout).toBe("changed\n");
      expect((await start(["cat", "/version"])).stdout).toBe("one");
    },
    RUN_MS,
  );
});

unless(partsProblem, isRoot ? otherUserProblem() : undefined, runModeProblem(ORDINARY_USER))(
  "an ordinary user's second start makes one HEAD request",
  async () => {
    using at = place();
    const user = isRoot ? ORDINARY_USER : undefined;
    expect(await at.run({}, user)).toMatchObject({ stdout: "one", status: 0 });
    at.requests();
    expect(await at.run({}, user)).toMatchObject({ stdout: "one", status: 0 });
    expect(at.requests()).toEqual(["HEAD manifests"]);
  },
  RUN_MS,
);

describe("PULL_POLICY", () => {
  registered(
    "missing asks for nothing that is there",
    async () => {
      using at = place();
      expect(await at.run({ PULL_POLICY: "missing" })).toMatchObject({ stdout: "one" });
      at.requests();
      at.registry.add("server:1", versionImage("two"));
      expect(await at.run({ PULL_POLICY: "missing" })).toMatchObject({ stdout: "one" });
      expect(at.requests()).toEqual([]);
    },
    RUN_MS,
  );

  registered(
    "never asks for nothing at all",
    async () => {
      using at = place();
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

  registered(
    "never unpacks again from cached layers",
    async () => {
      using at = place();
      await at.run();
      at.requests();
      rmSync(join(at.cache, "v1/trees"), { recursive: true });
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
    using at = place();
    const { status, stderr } = await at.run({ ...settings, CACHE_DIR: "" });
    expect(stderr).toContain(words);
    expect(stderr).toContain("INPUT_INVALID");
    expect(status).toBe(2);
  });
});

describe("a registry that cannot be asked", () => {
  const outages: readonly (readonly [string, string, () => Response])[] = [
    ["limits pulls", "REGISTRY_LIMITED", () => answer(429)],
    ["is in trouble", "REGISTRY_", () => answer(503)],
  ];

  registered(
    "starts the cached image only with OFFLINE_START=1, and loudly",
    async () => {
      using at = place();
      await at.run();
      at.registry[Symbol.dispose]();
      const refused = await at.run();
      expect(refused.stderr).toContain("REGISTRY_UNREACHABLE");
      expect(refused.stderr).toContain("OFFLINE_START");
      expect(refused.status).toBe(125);
      const started = await at.run({ OFFLINE_START: "1" });
      expect(started).toMatchObject({ stdout: "one", status: 0 });
      expect(started.stderr).toContain("AS IT WAS LAST PULLED");
    },
    RUN_MS * 3,
  );

  registered(
    "does not name OFFLINE_START where nothing is cached",
    async () => {
      using at = place();
      at.registry[Symbol.dispose]();
      expect((await at.run()).stderr).not.toContain("OFFLINE_START");
    },
    RUN_MS * 3,
  );

  test.each([...outages])(
    "%s [%s]",
    async (_, code, refusal) => {
      if (partsProblem !== undefined) return;
      let isOut = false;
      using at = place({ intercept: () => (isOut ? refusal() : undefined) });
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
  ])(
    "but %s, starts nothing",
    async (_, code, status) => {
      if (partsProblem !== undefined) return;
      let isOut = false;
      using at = place({ intercept: () => (isOut ? answer(status) : undefined) });
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
  const inTree = (cache: string, name: string) => {
    const [tree = ""] = readdirSync(join(cache, "v1/trees"));
    return join(cache, "v1/trees", tree, name);
  };
  const everyBlob = (cache: string) =>
    readdirSync(join(cache, "v1/blobs/sha256")).map((hex) => join(cache, "v1/blobs/sha256", hex));
  const noTree = (cache: string) => rmSync(join(cache, "v1/trees"), { recursive: true });

  registered(
    "a file of the tree, without a request for a layer",
    async () => {
      using at = place();
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
      if (partsProblem !== undefined) return;
      using at = place();
      await at.run();
      noTree(at.cache);
      everyBlob(at.cache).forEach(damage);
      at.requests();
      expect(await at.run()).toMatchObject({ stdout: "one", status: 0 });
      expect(at.requests().filter((request) => request === "GET blobs").length).toBeGreaterThan(2);
      noTree(at.cache);
      expect(await at.run({ PULL_POLICY: "never" })).toMatchObject({ stdout: "one", status: 0 });
    },
    RUN_MS,
  );
});

describe("two runners at once", () => {
  registered(
    "share one download",
    async () => {
      using at = place();
      const ends = await Promise.all([at.run(), at.run(), at.run()]);
      expect(ends.map(({ stdout }) => stdout)).toEqual(["one", "one", "one"]);
      expect(at.requests().filter((request) => request === "GET blobs")).toHaveLength(3);
      expect(readdirSync(join(at.cache, "v1/trees"))).toHaveLength(1);
    },
    RUN_MS,
  );

  registered(
    "of which one is killed leave the other a whole image",
    async () => {
      const halfWay = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      let isFirst = true;
      using at = place({
        async intercept({ path }) {
          if (!path.includes("/blobs/") || !isFirst) return undefined;
          isFirst = false;
          halfWay.resolve();
          await goOn.promise;
          return undefined;
        },
      });
      await using first = await startRunner({
        environment: {
          IMAGE: `${at.registry.host}/server:1`,
          MCP_TRANSPORT: "stdio",
          REGISTRY_CLIENT: "builtin",
          CACHE_DIR: at.cache,
        },
      });
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

describe("pull", () => {
  registered(
    "writes a tree of its own from cached layers, and leaves them for a start",
    async () => {
      using at = place();
      using dir = tempDir();
      const pull = (to: string) =>
        runRunner({
          arguments: ["pull", `${at.registry.host}/server:1`, "--to", dir.file(to)],
          environment: { CACHE_DIR: at.cache, REGISTRY_CLIENT: "builtin" },
        });
      expect((await pull("one")).status).toBe(0);
      expect(at.requests()).toEqual(COLD);
      expect((await pull("two")).status).toBe(0);
      expect(at.requests()).toEqual(["HEAD manifests"]);
      writeFileSync(dir.file("two/version"), "changed");
      expect(readFileSync(dir.file("one/version"), "utf8")).toBe("one");
      expect(await at.run({ PULL_POLICY: "never" })).toMatchObject({ stdout: "one" });
    },
    RUN_MS,
  );
});

test(
  "a small limit is no reason not to start, and what is too much goes",
  async () => {
    if (partsProblem !== undefined) return;
    using at = place();
    expect(await at.run({ CACHE_MAX_BYTES: "1M" })).toMatchObject({ stdout: "one" });
    expect(readdirSync(join(at.cache, "v1/blobs/sha256"))).toEqual([]);
    expect(existsSync(join(at.cache, "v1/trees"))).toBe(true);
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
