import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type KnownImage, Names } from "../../src/cache/names.ts";
import { IMAGE, testCache } from "./support.ts";

const KNOWN: KnownImage = {
  name: "ghcr.io/org/server:1.2",
  platform: "linux/amd64",
  digest: IMAGE,
  manifest: IMAGE,
  blobs: [IMAGE],
};

describe("a name", () => {
  test("leads to what it stood for", () => {
    using cache = testCache();
    const names = new Names(cache.directory);
    names.remember(KNOWN);
    expect(names.find({ name: KNOWN.name, platform: KNOWN.platform })).toEqual(KNOWN);
    expect(names.all()).toEqual([KNOWN]);
  });

  test.each([
    ["platform", { ...KNOWN, platform: "linux/arm64" }],
    ["tag", { ...KNOWN, name: "ghcr.io/org/server:1.3" }],
  ])("leads to nothing for another %s", (_, wanted) => {
    using cache = testCache();
    const names = new Names(cache.directory);
    names.remember(KNOWN);
    expect(names.find(wanted)).toBeUndefined();
  });

  test.each<[string, (path: string) => void]>([
    ["is empty", (path) => truncateSync(path, 0)],
    ["is truncated", (path) => truncateSync(path, 30)],
    ["is no object", (path) => writeFileSync(path, "null")],
    ["holds no digest", (path) => replace(path, IMAGE, "../../etc/passwd")],
    ["is another name's", (path) => replace(path, "server:1.2", "server:6.6")],
  ])("is forgotten when its file %s", (_, damage) => {
    using cache = testCache();
    const names = new Names(cache.directory);
    names.remember(KNOWN);
    const [file = ""] = readdirSync(cache.directory.names);
    damage(join(cache.directory.names, file));
    expect(names.find(KNOWN)).toBeUndefined();
    names.remember(KNOWN);
    expect(names.find(KNOWN)).toEqual(KNOWN);
  });
});

function replace(path: string, old: string, text: string): void {
  writeFileSync(path, readFileSync(path, "utf8").replace(old, text));
}
