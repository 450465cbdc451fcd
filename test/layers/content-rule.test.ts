import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { contentRule } from "../../src/layers/content-rule.ts";
import { DEFAULT_LIMITS } from "../../src/layers/limits.ts";
import { parsePath } from "../../src/layers/path.ts";
import { unpackLayers } from "../../src/layers/unpack.ts";
import type { RawEntry } from "../support/raw-tar.ts";
import { tempDir } from "../support/temp-dir.ts";
import { dir, file, hardlink, layerOf, listing, symlink, whiteout } from "./support.ts";

const WANTED = ["/app", "/usr/lib/python*/site-packages"];

describe("contentRule", () => {
  const wants = contentRule(WANTED);
  test.each([
    ["app", true],
    ["app/x", true],
    ["apple", false],
    ["opt/app/x", false],
    ["usr/lib/python3.12/site-packages/a.py", true],
    ["usr/lib/python3.12/a/site-packages/a.py", false],
    ["usr/lib/python3.12/os.py", false],
  ])("%s: %p", (path, expected) => {
    const rooted = parsePath(path, { limits: DEFAULT_LIMITS, aboveRoot: "refuse" });
    expect(wants(rooted)).toBe(expected);
    expect(contentRule(undefined)(rooted)).toBe(true);
  });
});

describe("unpackLayers with wanted paths", () => {
  async function unpackWanted(...layers: readonly (readonly RawEntry[])[]) {
    using temp = tempDir();
    const options = { limits: DEFAULT_LIMITS, contentOf: WANTED };
    await unpackLayers(layers.map(layerOf), temp.file("root"), options);
    expect(readdirSync(temp.path)).toEqual(["root"]);
    return listing(temp.file("root"));
  }

  test("writes what is below them, and of other files nothing", async () => {
    const tree = await unpackWanted(
      [file("app/x", "x"), file("usr/bin/tool", "tool"), dir("etc")],
      [file("usr/bin/other", "other"), symlink("app/link", "/usr/bin/tool")],
    );
    expect(tree).toEqual({
      app: "dir",
      "app/link": "link /usr/bin/tool",
      "app/x": "file x",
      etc: "dir",
      usr: "dir",
      "usr/bin": "dir",
    });
  });

  test("keeps what lower layers are hidden and replaced by", async () => {
    const tree = await unpackWanted(
      [file("app/a", "1"), file("app/b", "1")],
      [whiteout("app/.wh.a"), file("app/b", "2")],
    );
    expect(tree).toEqual({ app: "dir", "app/b": "file 2" });
  });

  test.each([
    ["a hard link", [file("usr/bin/tool", "tool"), hardlink("app/tool", "usr/bin/tool")]],
    ["a directory's link", [symlink("srv", "app"), file("srv/tool", "tool")]],
  ])("begins again with everything when %s leads a file into them", async (_, entries) => {
    expect(await unpackWanted(entries)).toMatchObject({ "app/tool": "file tool" });
  });
});
