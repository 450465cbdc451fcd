import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import packageJson from "../../package.json";
import {
  hasSection,
  newSubjects,
  parseSubject,
  readChangelog,
  refuseUndescribed,
  section,
  withSection,
} from "../../scripts/release/changelog.ts";
import { mustRun } from "../../scripts/release/programs.ts";
import { needs } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";

const ROOT = join(import.meta.dir, "../..");

describe("parseSubject", () => {
  const cases = [
    ["feat(registry): sign in", { kind: "feat", area: "registry", what: "sign in" }],
    ["fix: end", { kind: "fix", area: "fix", what: "end" }],
    ["fix(cli)!: end", { kind: "breaking", area: "cli", what: "end" }],
    ["feat!: end", { kind: "breaking", area: "feat", what: "end" }],
    ["docs(readme): say more", { kind: "other", area: "readme", what: "say more" }],
    ["registry: resume a blob", { kind: "other", area: "registry", what: "resume a blob" }],
    ["oci, registry: bound it", { kind: "other", area: "oci, registry", what: "bound it" }],
    ["Resume a blob", undefined],
    ["registry:resume", undefined],
    ["registry: ", undefined],
    ["feet(registry): sign in", undefined],
    ["test/support: bound it", { kind: "other", area: "test/support", what: "bound it" }],
    ['Revert "oci: bound it"', { kind: "other", area: "revert", what: "oci: bound it" }],
  ] as const;

  test.each(cases)("%j", (subject, expected) => {
    expect(parseSubject(subject)).toEqual(expected);
  });
});

needs("git")("the newest commits say where and what, as CONTRIBUTING asks", () => {
  const argv = ["git", "-C", ROOT, "log", "--no-merges", "--max-count=50", "--format=%s"];
  const run = Bun.spawnSync(argv);
  expect(run.exitCode).toBe(0);
  const subjects = run.stdout.toString().split("\n").filter(Boolean);
  expect(subjects.filter((subject) => parseSubject(subject) === undefined)).toEqual([]);
});

describe("a section", () => {
  const text = section("1.2.3", [
    "registry: resume a blob",
    "fix(cli): end",
    "feat(oci)!: refuse old images",
    "feat(cache): keep trees",
    "layers: be quick",
  ]);

  test("has what breaks first, then by area", () => {
    expect(text).toBe(
      [
        "## 1.2.3",
        "### Breaking",
        "- oci: refuse old images",
        "### New",
        "- cache: keep trees",
        "### Mended",
        "- cli: end",
        "### Changed",
        "- layers: be quick\n- registry: resume a blob\n",
      ].join("\n\n"),
    );
  });

  test("comes above the older ones, once", () => {
    const older = withSection("# Changelog\n\nAbout it.\n", "1.2.2", section("1.2.2", []));
    const both = withSection(older, "1.2.3", text);
    expect(both.indexOf("## 1.2.3\n")).toBeLessThan(both.indexOf("## 1.2.2\n"));
    expect(both.startsWith("# Changelog\n\nAbout it.\n\n## 1.2.3")).toBe(true);
    expect(() => withSection(both, "1.2.2", "")).toThrow("has 1.2.2 already");
    expect(hasSection(both, "1.2")).toBe(false);
  });

  test("is what a release needs, but not a push to main", () => {
    const changelog = withSection("# Changelog\n", "1.2.3", text);
    expect(() => refuseUndescribed({ kind: "main" }, changelog)).not.toThrow();
    expect(() => refuseUndescribed({ kind: "release", tag: "v1.2.3" }, changelog)).not.toThrow();
    expect(() => refuseUndescribed({ kind: "release", tag: "v1.2.4" }, changelog)).toThrow(
      "docs/CHANGELOG.md has no section for v1.2.4",
    );
  });
});

needs("git")("a draft has what came since the nearest version, without merges", async () => {
  using directory = tempDir();
  const git = (...args: string[]) =>
    mustRun(["git", "-C", directory.path, "-c", "user.name=a", "-c", "user.email=a@b", ...args]);
  const commit = (subject: string) => git("commit", "--quiet", "--allow-empty", `-m${subject}`);
  await git("init", "--quiet", "--initial-branch=main");
  await commit("oci: begin");
  expect(await newSubjects(directory.path)).toEqual(["oci: begin"]);
  // Sorted by its name, a candidate would come after the release that followed it.
  await git("tag", "v1.2.3-rc.1");
  await commit("oci: go on");
  await git("tag", "v1.2.3");
  await git("tag", "vendor");
  await git("checkout", "--quiet", "-b", "side");
  await commit("feat(oci): end");
  await git("checkout", "--quiet", "main");
  await commit("fix: mend");
  await git("merge", "--quiet", "--no-ff", "-mMerge side", "side");
  expect((await newSubjects(directory.path)).toSorted()).toEqual(["feat(oci): end", "fix: mend"]);
});

test("the version that package.json has can be released", () => {
  expect(hasSection(readChangelog(), packageJson.version)).toBe(true);
});
