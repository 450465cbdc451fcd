import { describe, expect } from "bun:test";
import { chmodSync } from "node:fs";
import { type ConditionalTest, programProblem, unless } from "../support/requirements.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";
import { inOwnedRoot } from "./support/owned-root.ts";
import { onlyPrograms, put, run, start, tinyRoot } from "./support/tiny-root.ts";
import { NO_MOUNTS, NO_NAMESPACE, NOT_ROOT, ORDINARY } from "./support/ways.ts";

const WITHOUT_MKNOD = ["setpriv", "--bounding-set", "-sys_admin,-mknod"];

function testWith(
  programs: readonly string[],
  problem: string | undefined = NOT_ROOT,
): ConditionalTest {
  return unless(programProblem("busybox", ...programs), problem);
}

/** A root with a script at /app/server, which may be run in any mode. */
function rootWith(dir: TempDir, script: string): string {
  const root = tinyRoot(dir);
  put(root, "app/server", `#!/bin/sh\n${script}\n`, 0o755);
  return root;
}

describe("private roots", () => {
  testWith([], NO_MOUNTS)("the machine's other files are out of sight", async () => {
    using dir = tempDir();
    const root = rootWith(dir, "cat /proc/self/mountinfo; ls /");
    const { stdout } = await run(dir, root, { mode: "chroot", command: ["/app/server"] });
    const mounts = stdout.split("\n").filter((line) => / - /.test(line));
    const points = mounts.map((line) => line.split(" ")[4] ?? "");
    expect(points[0]).toBe("/");
    expect(points.every((point) => /^\/($|proc|sys|dev)/.test(point))).toBe(true);
  });

  testWith(["setpriv"])(
    "without mounts and without mknod it starts all the same, and says what is missing",
    async () => {
      using dir = tempDir();
      const { stdout, stderr } = await run(dir, rootWith(dir, "echo sunk >/dev/null && echo up"), {
        mode: "chroot",
        through: WITHOUT_MKNOD,
        command: ["/app/server"],
        logLevel: "debug",
      });
      expect(stderr).toContain(
        "/proc and /sys are not mounted: unshare of the mount namespace failed with EPERM",
      );
      expect(stderr).toContain(
        "/dev/null is an ordinary file, and there are no other devices: mknod of",
      );
      expect(stdout).toBe("up\n");
    },
  );

  testWith(["setpriv"])(
    "without mounts, directories in the place of devices are no obstacle",
    async () => {
      using dir = tempDir();
      const root = rootWith(dir, "echo sunk >/dev/null && echo up");
      put(root, "dev/null/file", "x");
      put(root, "dev/fd/file", "x");
      const { stdout } = await run(dir, root, {
        mode: "chroot",
        through: WITHOUT_MKNOD,
        command: ["/app/server"],
      });
      expect(stdout).toBe("up\n");
    },
  );

  testWith(["bwrap"], NO_NAMESPACE)(
    "killing the runner outright takes bubblewrap and the server with it",
    async () => {
      using dir = tempDir();
      const child = start(dir, rootWith(dir, "echo up; exec sleep 1000"), {
        command: ["/app/server"],
        ...ORDINARY,
        searchPath: onlyPrograms(dir, { bwrap: "bwrap" }),
      });
      const output = child.stdout.getReader();
      expect(text(await output.read())).toBe("up\n");
      child.kill("SIGKILL");
      // The stream ends with its last writer, which would be the server.
      expect((await output.read()).done).toBe(true);
    },
  );
});

describe("su-exec", () => {
  testWith(["unshare", "gosu"], NO_MOUNTS)(
    "root's su-exec sees none of the image's loader variables, and the server sees them all",
    async () => {
      using dir = tempDir();
      const programs = onlyPrograms(dir, { env: "env" });
      chmodSync(dir.path, 0o755);
      put(programs, "su-exec", `#!/bin/sh\nenv >&2\nexec gosu "$@"\n`, 0o755);
      const loader = {
        LD_PRELOAD: "",
        LD_LIBRARY_PATH: "/app/lib",
        GCONV_PATH: "/app",
        GLIBC_TUNABLES: "",
        TMPDIR: "/app/tmp",
      };
      const { stdout, stderr } = await run(dir, rootWith(dir, "exec env"), {
        command: ["/app/server"],
        env: { ...loader, HOME: "/app/home", ORDINARY: "yes" },
        searchPath: programs,
        through: inOwnedRoot(dir),
      });
      expect(stderr).toContain("ORDINARY=yes");
      for (const [name, value] of Object.entries({ ...loader, HOME: "/app/home" })) {
        expect(stderr).not.toContain(`${name}=${value}\n`);
        expect(stdout).toContain(`${name}=${value}\n`);
      }
    },
  );

  testWith(["unshare", "gosu"], NO_MOUNTS)(
    "a command that env would take for a variable is started without it",
    async () => {
      using dir = tempDir();
      const root = rootWith(dir, "true");
      put(root, "app/a=b", "#!/bin/sh\nid -u; id -g\n", 0o755);
      const { stdout } = await run(dir, root, {
        command: ["/app/a=b"],
        searchPath: onlyPrograms(dir, { "su-exec": "gosu", env: "env" }),
        through: inOwnedRoot(dir),
      });
      expect(stdout).toBe("1000\n1000\n");
    },
  );
});

function text(chunk: { readonly value?: Uint8Array | undefined }): string {
  return new TextDecoder().decode(chunk.value);
}
