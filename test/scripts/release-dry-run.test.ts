import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "bun:test";
import packageJson from "../../package.json";
import { REPOSITORIES } from "../../scripts/release/plan.ts";
import { needsContainers } from "../support/runner-image.ts";
import { needsThat } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";

const DRY_RUN_MS = 900_000;
const SCRIPT = join(import.meta.dir, "../../scripts/release/dry-run.ts");
const VERSION = `v${packageJson.version}`;

const inCi =
  process.env["CI"] === "true"
    ? needsContainers()
    : needsThat(false, "left to CI: it builds four binaries and two images, with network");

inCi(
  "a whole release is built, signed, attested and verified, and named as it should be",
  async () => {
    using out = tempDir();
    const child = Bun.spawn([process.execPath, SCRIPT, `--out=${out.path}`], {
      env: { ...process.env, CI: "true" },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [said, complained, status] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    expect({ status, complained }).toEqual({ status: 0, complained: "" });
    const digest = /latest → (sha256:[0-9a-f]{64})/.exec(said)?.[1];
    for (const repository of REPOSITORIES) {
      expect(said).toContain(`${repository}:latest → ${digest} (moves)`);
      expect(said).toContain(`${repository}:${VERSION} → ${digest} (must be new)`);
      expect(said).toContain(`${repository}:latest-stable → ${digest} (moves)`);
    }
    expect(said).toContain("the same image once more would change nothing");
    expect(said).toContain(`another image as ${VERSION} would stop: the tag is taken`);
    expect(said).not.toContain("would stop now");
    for (const name of readdirSync(out.file("files"))) expect(said).toContain(`\n  ${name}\n`);
    // For the index and for both of its images.
    expect(
      said.match(/^ {2}sha256:[0-9a-f]{64} {2}spdx, in image[-\w]*\.spdx\.json$/gm),
    ).toHaveLength(3);
    expect(said.match(/^ {2}sha256:[0-9a-f]{64} {2}slsaprovenance1, in /gm)).toHaveLength(3);
    if (said.includes("on a stand-in")) {
      expect(said).toContain("only the runner is the platform's own");
    }
    // What is attested of an image is what the image has, its Alpine packages too.
    const list = readFileSync(out.file("image-linux-arm64.spdx.json"), "utf8");
    for (const name of ["crane", "proot-static", "bubblewrap", "su-exec"]) {
      expect(list).toContain(`pkg:apk/alpine/${name}@`);
    }
    const checked = Bun.spawnSync(["sha256sum", "--check", "--strict", "SHA256SUMS"], {
      cwd: out.file("files"),
    });
    expect(checked.exitCode).toBe(0);
    expect(checked.stdout.toString().trim().split("\n")).toHaveLength(9);
    expect(readdirSync(out.file("files"))).toHaveLength(11);
    expect(existsSync(out.file("image/oci-layout"))).toBe(true);
  },
  DRY_RUN_MS,
);

test("the dry run does not fail where its programs are missing, but says so, except in CI", () => {
  for (const [ci, status] of [
    ["false", 0],
    ["true", 1],
  ] as const) {
    using empty = tempDir();
    const run = Bun.spawnSync([process.execPath, SCRIPT, `--out=${empty.file("out")}`], {
      env: { PATH: empty.path, CI: ci },
    });
    expect(run.stdout.toString()).toContain(
      "no dry run of the release here: not installed: git, podman",
    );
    expect(run.exitCode).toBe(status);
    expect(existsSync(empty.file("out"))).toBe(false);
  }
});
