import { describe, expect, test } from "bun:test";
import { chmodSync, lstatSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serverIdentity } from "../../src/launch/ownership.ts";
import { probeMachine } from "../../src/launch/probe.ts";
import {
  dropPrivileges,
  type LaunchableImage,
  type LaunchRequest,
} from "../../src/stages/drop-privileges.ts";
import { put } from "../launch/support/tiny-root.ts";
import { needsThat } from "../support/requirements.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";

const AS_ROOT = process.geteuid?.() === 0;
const IMAGE: LaunchableImage = {
  entrypoint: ["server"],
  cmd: ["--default"],
  env: [["PATH", "/app/bin"]],
  workingDir: "/app",
  user: "app:app",
};
const REQUEST: LaunchRequest = {
  serverArguments: [],
  serverEnvironment: {},
  mcpTransport: "streamable-http",
  mcpHost: "0.0.0.0",
  mcpPath: "/mcp",
  port: 7860,
};

function sampleRoot(dir: TempDir): string {
  const root = dir.file("root");
  put(root, "app/bin/server", "#!/bin/sh\n", 0o755);
  put(root, "bin/sh", "#!/bin/real-sh\n", 0o755);
  put(root, "bin/real-sh", elf(), 0o755);
  put(root, "etc/passwd", "root:x:0:0::/root:\napp:x:999:999::/srv/home:\n");
  return root;
}

/** The smallest static program's header for this machine. */
function elf(): Buffer {
  const bytes = Buffer.alloc(120);
  bytes.write("\u007fELF", "latin1");
  bytes.set([2, 1, 1], 4);
  bytes.writeUInt16LE(2, 16);
  bytes.writeUInt16LE(process.arch === "arm64" ? 183 : 62, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(1, 56);
  return bytes;
}

async function planFor(
  root: string,
  image: Partial<LaunchableImage> = {},
  request: Partial<LaunchRequest> = {},
) {
  const probe = await probeMachine({ searchPath: "" });
  const rootfs = { root, mode: AS_ROOT ? "chroot" : "userns", reason: "for the test" } as const;
  return dropPrivileges(rootfs, { ...IMAGE, ...image }, { ...REQUEST, ...request }, probe);
}

describe("dropPrivileges", () => {
  test("the plan says everything about the start", async () => {
    using dir = tempDir();
    const root = sampleRoot(dir);
    expect(await planFor(root)).toMatchObject({
      mode: AS_ROOT ? "chroot" : "userns",
      reason: "for the test",
      root,
      program: "/app/bin/server",
      argv: ["server", "--default"],
      environment: { PATH: "/app/bin", HOME: "/srv/home", PORT: "7860" },
      workingDirectory: "/app",
      identity: serverIdentity(),
      drop: AS_ROOT,
    });
  });

  const HOMES = [
    { title: "MCP_ENV_HOME", request: { serverEnvironment: { HOME: "/mine" } }, home: "/mine" },
    {
      title: "the image's Env",
      image: {
        env: [
          ["HOME", "/env"],
          ["PATH", "/app/bin"],
        ],
      },
      home: "/env",
    },
    { title: "the image's root", image: { user: "" }, home: "/root" },
    { title: "the working directory", image: { user: "nobody" }, home: "/app" },
  ] as const;
  for (const { title, home, ...changes } of HOMES) {
    test(`HOME comes from ${title}`, async () => {
      using dir = tempDir();
      const { image = {}, request = {} } = changes as { image?: object; request?: object };
      const plan = await planFor(sampleRoot(dir), image, request);
      expect(plan.environment["HOME"]).toBe(home);
    });
  }

  test("a passwd that leads out of the root is not read", async () => {
    using dir = tempDir();
    const root = sampleRoot(dir);
    writeFileSync(dir.file("passwd"), "app:x:999:999::/outside:\n");
    await Bun.file(join(root, "etc/passwd")).delete();
    symlinkSync(dir.file("passwd"), join(root, "etc/passwd"));
    expect((await planFor(root)).environment["HOME"]).toBe("/app");
  });

  for (const mode of ["overlay", "baked"] as const) {
    test(`in ${mode} a server that works in / has a HOME that takes its files`, async () => {
      using dir = tempDir();
      const image = { ...IMAGE, entrypoint: ["/bin/sh"], workingDir: "/", user: "nobody" };
      const probe = await probeMachine({ searchPath: process.env["PATH"] ?? "" });
      const rootfs = { root: sampleRoot(dir), mode, reason: "for the test" };
      const { environment } = dropPrivileges(rootfs, image, REQUEST, probe);
      const { uid, mode: bits } = statSync(environment["HOME"] ?? "/");
      const isOwn = uid === serverIdentity().uid;
      expect(isOwn || (bits & 0o1002) === 0o1002, environment["HOME"]).toBe(true);
    });
  }

  test("in overlay a command that is not there is told with what else is not", async () => {
    using dir = tempDir();
    const probe = await probeMachine({ searchPath: "" });
    const rootfs = { root: sampleRoot(dir), mode: "overlay", reason: "for the test" } as const;
    const image = { ...IMAGE, entrypoint: ["/entrypoint-of-the-image.sh"], workingDir: "/" };
    expect(() => dropPrivileges(rootfs, image, REQUEST, probe)).toThrow(
      expect.objectContaining({
        code: "COMMAND_NOT_FOUND",
        message:
          "run mode overlay has only the safe paths of the image: /entrypoint-of-the-image.sh does not exist",
        hint: expect.stringContaining("Leave RUN_MODE empty"),
      }),
    );
  });

  test("arguments after -- stand in for Cmd", async () => {
    using dir = tempDir();
    const plan = await planFor(sampleRoot(dir), {}, { serverArguments: ["--help"] });
    expect(plan.argv).toEqual(["server", "--help"]);
  });

  const REFUSED = [
    { code: "COMMAND_MISSING", image: { entrypoint: [], cmd: [] } },
    { code: "COMMAND_NOT_FOUND", image: { entrypoint: ["node"] } },
    { code: "COMMAND_NOT_RUNNABLE", image: { entrypoint: ["/etc/passwd"] } },
    { code: "WORKDIR_UNUSABLE", image: { workingDir: "/etc/passwd" } },
    { code: "WORKDIR_UNUSABLE", image: { workingDir: "/proc/self/fd/7" } },
  ];
  for (const [index, { code, image }] of REFUSED.entries()) {
    test(`case ${index}: ${JSON.stringify(image)} is ${code}`, async () => {
      using dir = tempDir();
      await expect(planFor(sampleRoot(dir), image)).rejects.toMatchObject({ code });
    });
  }

  needsThat(AS_ROOT, "needs root")(
    "as root the whole private root is given to the server",
    async () => {
      using dir = tempDir();
      const root = sampleRoot(dir);
      put(root, "root/.local/bin/python", elf(), 0o700);
      chmodSync(join(root, "root"), 0o700);
      put(root, "bin/su", elf());
      chmodSync(join(root, "bin/su"), 0o6755);
      await planFor(root, { workingDir: "/new/one" });
      for (const path of ["", "root", "root/.local/bin/python", "bin/su", "new", "new/one"]) {
        expect(lstatSync(join(root, path))).toMatchObject({ uid: 1000, gid: 1000 });
      }
      expect(lstatSync(join(root, "bin/su")).mode & 0o7777).toBe(0o755);
    },
  );
});
