// Images on this machine's disk, from the compiled binary: described, put into a directory, and run.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { archiveOf, layoutFiles, savedFiles, writeFiles } from "../support/disk-image.ts";
import { buildImage, buildIndex } from "../support/image-builder.ts";
import { runModeProblem } from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { runRunner } from "../support/runner.ts";
import { tarArchive } from "../support/tar-archive.ts";
import { tempDir } from "../support/temp-dir.ts";

const RUN_MS = 30_000;
const CONFIG = { Cmd: ["/bin/echo", "from disk"], Env: ["PATH=/bin"] };

const work = tempDir();
const NAMES = [
  `oci:${work.file("layout")}`,
  `oci:${work.file("layout")}:1.0`,
  `oci-archive:${work.file("layout.tar")}:1.0`,
  `oci-archive:${work.file("layout.tar.gz")}`,
  `oci-archive:${work.file("layout.tar.zst")}`,
  `docker-archive:${work.file("saved.tar")}:team/tool:1.0`,
  `docker-archive:${work.file("saved.tar.gz")}`,
];

beforeAll(() => {
  // The server is another user than root, and so is the runner of some tests.
  chmodSync(work.path, 0o755);
  const source = Bun.which("busybox");
  const layer = tarArchive([
    ...(source === null ? [] : [{ path: "bin/busybox", source, mode: 0o755 }]),
    { path: "bin/echo", type: "symlink", target: "busybox" },
    { path: "etc/where", content: "on disk" },
  ]);
  const image = buildImage({ layers: [layer], config: CONFIG });
  const other = buildImage({ layers: [[{ path: "other" }]], platform: "linux/s390x" });
  const files = layoutFiles({ image: buildIndex([other, image]), name: "1.0" });
  const layout = archiveOf(files);
  const saved = archiveOf(
    savedFiles({ layers: [layer], names: ["team/tool:1.0"], config: CONFIG }),
  );
  mkdirSync(work.file("layout"));
  writeFiles(work.file("layout"), files);
  writeFileSync(work.file("layout.tar"), layout);
  writeFileSync(work.file("layout.tar.gz"), gzipSync(layout));
  writeFileSync(work.file("layout.tar.zst"), zstdCompressSync(layout));
  writeFileSync(work.file("saved.tar"), saved);
  writeFileSync(work.file("saved.tar.gz"), gzipSync(saved));
});
afterAll(() => work[Symbol.dispose]());

describe.each(NAMES)("%s", (name) => {
  unless(programProblem("busybox"), runModeProblem())(
    "becomes a server",
    async () => {
      const environment = { IMAGE: name, MCP_TRANSPORT: "stdio" };
      const { stdout, stderr, status } = await runRunner({ environment });
      expect({ stdout, status, stderr: status === 0 ? "" : stderr }).toEqual({
        stdout: "from disk\n",
        status: 0,
        stderr: "",
      });
    },
    RUN_MS,
  );

  test(
    "is pulled under its own name, and nothing of it stays in the work directory",
    async () => {
      using out = tempDir();
      const end = await runRunner({
        arguments: ["pull", name, "--to", out.file("tree"), "--json"],
      });
      expect({ ...end, stdout: JSON.parse(end.stdout) }).toMatchObject({
        stdout: { image: name, digest: expect.stringMatching(/^sha256:/) },
        left: [],
        status: 0,
      });
      expect(readFileSync(out.file("tree/etc/where"), "utf8")).toBe("on disk");
      expect(readdirSync(out.path)).toEqual(["tree"]);
    },
    RUN_MS,
  );

  test(
    "is described without credentials, whatever the settings say",
    async () => {
      const environment = { REGISTRY_USER: "u", REGISTRY_PASSWORD: "canary", LOG_LEVEL: "debug" };
      const end = await runRunner({ arguments: ["inspect", name], environment });
      expect(end.stderr).toContain("means nothing to an image on disk");
      expect(end.stderr).not.toContain("canary");
      expect(end.stdout).toStartWith(`${name}\n  digest             sha256:`);
      expect({ left: end.left, status: end.status }).toEqual({ left: [], status: 0 });
    },
    RUN_MS,
  );
});

test.each([
  ["oci:/nowhere", 125, "IMAGE_NOT_FOUND", "/nowhere does not exist"],
  ["oci:", 2, "REFERENCE_INVALID", 'has no path after "oci:"'],
  ["docker-archive:/", 2, "REFERENCE_INVALID", "for an OCI image layout write oci:/"],
  ["docker-daemon:server:1", 2, "REFERENCE_INVALID", "docker save -o image.tar server:1"],
])(
  "%s ends the runner with a sentence",
  async (name, status, code, message) => {
    const environment = { LOG_FORMAT: "json" };
    const end = await runRunner({ arguments: ["inspect", name], environment });
    const said = JSON.parse(end.stderr.trim().split("\n").at(-1) ?? "");
    expect({ ...said, status: end.status }).toMatchObject({ code, status });
    expect(JSON.stringify(said)).toContain(message.replaceAll('"', '\\"'));
  },
  RUN_MS,
);

test(
  "a relative name is another image in another directory, also to the cache",
  async () => {
    using dir = tempDir();
    for (const place of ["here", "there"]) {
      const image = buildImage({ layers: [[{ path: place }]], config: CONFIG });
      mkdirSync(dir.file(`${place}/layout`), { recursive: true });
      writeFiles(dir.file(`${place}/layout`), layoutFiles({ image }));
      const end = await runRunner({
        through: ["env", "-C", dir.file(place)],
        arguments: ["pull", "oci:layout", "--to", dir.file(`${place}/tree`)],
        environment: { CACHE_DIR: dir.file("cache"), PULL_POLICY: "missing" },
      });
      expect({ ...end, files: readdirSync(dir.file(`${place}/tree`)) }).toMatchObject({
        status: 0,
        files: [place],
      });
    }
  },
  RUN_MS,
);
