import { beforeAll, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type TreeKey, Trees } from "../../src/cache/trees.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { everythingIn, fillTree, keyOf, type TestCache, testCache } from "./support.ts";

const KEY = keyOf();

async function filled(cache: TestCache): Promise<string> {
  using tree = await use(cache);
  return tree.path;
}

/** The tree of the key, filled where it was not there; its lease ends with the variable. */
async function use(cache: TestCache, key: TreeKey = KEY) {
  const tree = await new Trees<string>(cache.directory).findOrFill(key, fillTree);
  return { ...tree, [Symbol.dispose]: () => tree.lease[Symbol.dispose]() };
}

describe("a tree", () => {
  test("is found with what was said of it when it was filled", async () => {
    using cache = testCache();
    const path = await filled(cache);
    const found = await new Trees<string>(cache.directory).find(KEY);
    expect(found?.path).toBe(path);
    expect(found?.report).toBe("filled");
    expect(readFileSync(join(path, "app/server.js"), "utf8")).toBe("listen()");
    found?.lease[Symbol.dispose]();
  });

  test.each<[string, TreeKey]>([
    ["image", keyOf(digestOf(Buffer.from("another image")))],
    ["user", { ...KEY, uid: 1001 }],
    ["group", { ...KEY, gid: 1001 }],
    ["user whose number begins with the same digits", { ...KEY, gid: 100 }],
  ])("is not found for another %s", async (_, key) => {
    using cache = testCache();
    await filled(cache);
    expect(await new Trees<string>(cache.directory).find(key)).toBeUndefined();
  });

  test("that could not be filled is not there, and leaves nothing", async () => {
    using cache = testCache();
    const trees = new Trees<string>(cache.directory);
    const failing = async (root: string) => {
      await fillTree(root);
      throw new Error("the layers are corrupt");
    };
    await expect(trees.findOrFill(KEY, failing)).rejects.toThrow("corrupt");
    expect(await trees.find(KEY)).toBeUndefined();
    for (const place of ["trees", "temporary", "leases", "locks"] as const) {
      expect(everythingIn(cache.directory[place])).toEqual([]);
    }
  });

  test.each(["locks", "leases", "temporary"] as const)(
    "cannot be kept where its %s cannot be written, which is said",
    async (place) => {
      using cache = testCache();
      rmSync(cache.directory[place], { recursive: true });
      writeFileSync(cache.directory[place], "");
      const filling = new Trees<string>(cache.directory).findOrFill(KEY, fillTree);
      await expect(filling).rejects.toMatchObject({ code: "DISK_UNWRITABLE" });
    },
  );

  test("is filled once for several that want it at the same time", async () => {
    using cache = testCache();
    let fills = 0;
    let waits = 0;
    const fill = async (root: string) => {
      fills += 1;
      return await fillTree(root);
    };
    const want = () =>
      new Trees<string>(cache.directory).findOrFill(KEY, fill, { onWait: () => (waits += 1) });
    const trees = await Promise.all([want(), want(), want()]);
    expect(new Set(trees.map(({ path }) => path)).size).toBe(1);
    expect([fills, waits]).toEqual([1, 2]);
  });

  test("may be empty", async () => {
    using cache = testCache();
    const trees = new Trees<string>(cache.directory);
    const fill = async (root: string) => {
      mkdirSync(root);
      return "empty";
    };
    await trees.findOrFill(KEY, fill);
    expect((await trees.find(KEY))?.report).toBe("empty");
  });

  test("with names that are not UTF-8 is found", async () => {
    using cache = testCache();
    const trees = new Trees<string>(cache.directory);
    const fill = async (root: string) => {
      mkdirSync(root);
      writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x0a, 0xfe])]), "");
      return "odd";
    };
    await trees.findOrFill(KEY, fill);
    expect((await trees.find(KEY))?.report).toBe("odd");
  });
});

describe("damage is noticed, and the tree filled again:", () => {
  let file = "";
  const damages: readonly (readonly [string, (root: string) => void])[] = [
    ["a file is removed", (root) => rmSync(join(root, "app/lib/a"))],
    ["a file is emptied", (root) => truncateSync(join(root, "app/lib/a"), 0)],
    ["a file is truncated", (root) => truncateSync(join(root, "app/lib/a"), 4_999)],
    ["a file has another byte", (root) => writeFileSync(join(root, "app/lib/a"), file)],
    ["a file is longer", (root) => appendFileSync(join(root, "app/lib/a"), "a")],
    ["a file has another mode", (root) => chmodSync(join(root, "app/lib/a"), 0o4755)],
    ["a file is added", (root) => writeFileSync(join(root, "app/lib/c"), "")],
    ["a file has another name", (root) => renameSync(join(root, "app/lib/a"), join(root, "app/z"))],
    ["a directory is added", (root) => mkdirSync(join(root, "app/lib/more"))],
    ["a directory is removed", (root) => rmSync(join(root, "app"), { recursive: true })],
    ["the root is removed", (root) => rmSync(root, { recursive: true })],
    ["a directory's mode changes", (root) => chmodSync(join(root, "app/lib"), 0o700)],
    [
      "a link takes a directory's place",
      (root) => {
        renameSync(join(root, "app/lib"), join(root, "lib"));
        symlinkSync("../lib", join(root, "app/lib"));
      },
    ],
    ["the record is removed", (root) => rmSync(join(dirname(root), "tree.json"))],
    ["the record is emptied", (root) => truncateSync(join(dirname(root), "tree.json"), 0)],
    ["the record is truncated", (root) => truncateSync(join(dirname(root), "tree.json"), 20)],
    ["the names are emptied", (root) => truncateSync(join(dirname(root), "names"), 0)],
    ["the names are truncated", (root) => truncateSync(join(dirname(root), "names"), 9)],
    ["the names are removed", (root) => rmSync(join(dirname(root), "names"))],
    ["the numbers are truncated", (root) => truncateSync(join(dirname(root), "rows"), 40)],
    ["the numbers are removed", (root) => rmSync(join(dirname(root), "rows"))],
    ["the numbers are flipped", (root) => flip(join(dirname(root), "rows"))],
    ["the boot is another", (root) => edit(join(dirname(root), "tree.json"), { boot: "01234567" })],
  ];

  beforeAll(() => {
    file = `b${"a".repeat(4_999)}`;
  });

  test.each([...damages])("%s", async (_, damage) => {
    using cache = testCache();
    const first = await filled(cache);
    await clockTicks(first);
    damage(first);
    expect(await new Trees<string>(cache.directory).find(KEY)).toBeUndefined();
    using again = await use(cache);
    expect(again.path).not.toBe(first);
    expect(readFileSync(join(again.path, "app/lib/a"), "utf8")).toBe("a".repeat(5_000));
    expect(everythingIn(cache.directory.leases)).toHaveLength(1);
  });
});

describe("a large tree", () => {
  const FILES = 3_000;

  async function largeTree(cache: TestCache): Promise<string> {
    const fill = async (root: string) => {
      mkdirSync(root);
      for (let index = 0; index < FILES; index += 1) writeFileSync(join(root, `f${index}`), "x");
      return "large";
    };
    const { path, lease } = await new Trees<string>(cache.directory).findOrFill(KEY, fill);
    lease[Symbol.dispose]();
    return path;
  }

  test("is looked at as a whole while there is time", async () => {
    using cache = testCache();
    const path = await largeTree(cache);
    await clockTicks(path);
    appendFileSync(join(path, "f1234"), "y");
    expect(await new Trees<string>(cache.directory).find(KEY, () => false)).toBeUndefined();
  });

  test("is looked at elsewhere at each start, where there is little time", async () => {
    using cache = testCache();
    const path = await largeTree(cache);
    await clockTicks(path);
    appendFileSync(join(path, "f1234"), "y");
    const trees = new Trees<string>(cache.directory);
    let starts = 0;
    while ((await trees.find(KEY)) !== undefined) starts += 1;
    // One in twelve files at least is looked at each time.
    expect(starts).toBeLessThan(200);
  });
});

test("a tree that is damaged while somebody uses it keeps its files", async () => {
  using cache = testCache();
  using used = await use(cache);
  await clockTicks(used.path);
  chmodSync(join(used.path, "app"), 0o700);
  using again = await use(cache);
  expect(again.path).not.toBe(used.path);
  expect(readFileSync(join(used.path, "app/server.js"), "utf8")).toBe("listen()");
  expect(readdirSync(cache.directory.trees)).toHaveLength(2);
});

// A change within the same tick of the filesystem's clock leaves no trace in a file's times.
async function clockTicks(path: string): Promise<void> {
  const clock = join(dirname(dirname(path)), "..", "clock");
  const now = () => {
    writeFileSync(clock, "");
    return lstatSync(clock).ctimeMs;
  };
  for (const start = now(); now() === start;) await Bun.sleep(1);
  rmSync(clock);
}

function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(8) ^ 1, 8);
  writeFileSync(path, bytes);
}

function edit(path: string, members: Readonly<Record<string, unknown>>): void {
  const record: unknown = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...(record as object), ...members }));
}
