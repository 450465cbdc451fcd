// What the loader mode does not try: each is refused with a sentence, and with the modes that would work.

import { describe, expect } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { mountProblem } from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { busyboxFiles, nodeFiles } from "../support/runtime-files.ts";
import type { TarEntry } from "../support/tar-archive.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";
import { plantTree } from "./support/plant-tree.ts";
import { AS_ROOT, run, type StartOptions } from "./support/tiny-root.ts";

const WITH_NODE = programProblem("node", "ldd");

interface Refusal {
  readonly command: readonly string[];
  readonly files?: readonly TarEntry[];
  readonly says: string;
}

const SCRIPT_MODE = { mode: 0o755 } as const;
const PROGRAM = readFileSync(process.execPath).subarray(0, 64);

const REFUSALS: Readonly<Record<string, Refusal>> = {
  "an entrypoint that is a shell script with work to do": {
    command: ["/entrypoint.sh", "node", "server.js"],
    files: [
      { path: "entrypoint.sh", content: '#!/bin/sh\nexport X=1\nexec "$@"\n', ...SCRIPT_MODE },
    ],
    says: "/entrypoint.sh is a script, and /bin/sh is a shell, and would take the programs that it starts",
  },
  "a shell script by way of env": {
    command: ["/serve"],
    files: [{ path: "serve", content: "#!/bin/env sh\n", ...SCRIPT_MODE }],
    says: "/serve is a script, and /bin/sh is a shell",
  },
  "a shell": { command: ["sh", "-c", "node server.js"], says: "/bin/sh is a shell" },
  "busybox as a shell": { command: ["busybox", "sh"], says: "/bin/busybox is a shell" },
  "an init that starts another program": {
    command: ["tini", "--", "node", "server.js"],
    files: [{ path: "bin/tini", type: "symlink", target: "busybox" }],
    says: "/bin/tini starts other programs, which would not find the image's libraries",
  },
  "npx, whose own interpreter is known": {
    command: ["npx", "server"],
    files: [
      { path: "bin/npx", type: "symlink", target: "/lib/npm/npx-cli.js" },
      { path: "lib/npm/npx-cli.js", content: "#!/bin/busybox\n", ...SCRIPT_MODE },
    ],
    says: "/bin/npx starts other programs",
  },
  "a language whose library has a fixed place": {
    command: ["ruby3.1", "server.rb"],
    files: [{ path: "bin/ruby3.1", type: "symlink", target: "busybox" }],
    says: "/bin/ruby3.1 finds its own library at absolute paths",
  },
  "a program that asks the kernel for its own name": {
    command: ["java"],
    files: [{ path: "bin/java", type: "symlink", target: "busybox" }],
    says: "/bin/java finds its own files by /proc/self/exe",
  },
  "a script whose env has options": {
    command: ["/serve"],
    files: [{ path: "serve", content: "#!/bin/env -S X=1 cat\n", ...SCRIPT_MODE }],
    says: "/serve is a script for env with options",
  },
};

function launch(dir: TempDir, root: string, options: StartOptions) {
  return run(dir, root, { mode: "loader", ...options });
}

describe("refused, before anything is tried, with the modes that would work", () => {
  for (const [title, { command, files = [], says }] of Object.entries(REFUSALS)) {
    unless(programProblem("busybox"))(title, async () => {
      using dir = tempDir();
      const root = plantTree(dir, [...busyboxFiles(), ...files]);
      const { stdout, stderr, status } = await launch(dir, root, { command });
      expect(stderr).toStartWith(
        "RUN_MODE_UNAVAILABLE: run mode loader cannot start this server: ",
      );
      expect(stderr).toContain(says);
      expect(stdout).toBe("");
      expect(status).toBe(125);
    });
  }

  unless(programProblem("busybox"))(
    "a command that is missing is 127, as in every mode",
    async () => {
      using dir = tempDir();
      const { stderr, status } = await launch(dir, plantTree(dir, busyboxFiles()), {
        command: ["/app/none"],
      });
      expect(stderr).toBe("COMMAND_NOT_FOUND: /app/none does not exist\n");
      expect(status).toBe(127);
    },
  );

  unless(WITH_NODE)("a program whose loader is not in the image", async () => {
    using dir = tempDir();
    const files = nodeFiles().filter(({ path }) => !/ld-(?:linux|musl)/.test(path));
    const { stderr, status } = await launch(dir, plantTree(dir, files), { command: ["node"] });
    expect(stderr).toMatch(/^COMMAND_NOT_RUNNABLE: \/usr\/local\/bin\/node needs the loader \/lib/);
    expect(status).toBe(126);
  });

  unless(WITH_NODE)("a program that would take a library of this machine", async () => {
    using dir = tempDir();
    const files = nodeFiles().filter(({ path }) => !path.includes("libstdc++"));
    const { stderr } = await launch(dir, plantTree(dir, files), { command: ["node"] });
    expect(stderr).toContain("/usr/local/bin/node needs libstdc++.so.6");
  });

  unless(programProblem("busybox"))("a program for another processor", async () => {
    using dir = tempDir();
    const program = Buffer.from(PROGRAM);
    program.writeUInt16LE(22, 18);
    const root = plantTree(dir, [{ path: "server", content: program, ...SCRIPT_MODE }]);
    const { stderr, status } = await launch(dir, root, { command: ["/server"] });
    expect(stderr).toStartWith("COMMAND_NOT_RUNNABLE: /server");
    expect(status).toBe(126);
  });

  unless(programProblem("busybox"), mountProblem())(
    "a file system mounted noexec is named",
    async () => {
      using dir = tempDir();
      const options = { command: ["busybox", "true"], through: onNoexec(dir) };
      const { stderr, status } = await launch(dir, plantTree(dir, busyboxFiles()), options);
      expect(stderr).toContain("its file system is mounted noexec (EACCES");
      expect(status).toBe(125);
    },
  );

  unless(programProblem("busybox"), AS_ROOT ? undefined : "needs root")(
    "a directory that the server's user may not pass through is named",
    async () => {
      using dir = tempDir();
      using inner = tempDir();
      const run = `${inner.path}/closed/work/run`;
      mkdirSync(run, { recursive: true });
      chmodSync(`${inner.path}/closed`, 0o700);
      chmodSync(inner.path, 0o755);
      const root = plantTree(dir, busyboxFiles());
      renameSync(root, `${run}/root`);
      const { stderr, status } = await launch(dir, `${run}/root`, { command: ["busybox", "true"] });
      expect(stderr).toContain(
        `the server's user, 1000, cannot reach its root: ${inner.path}/closed is closed to it\n`,
      );
      expect(status).toBe(125);
    },
  );

  unless(WITH_NODE)("a work directory that a library path cannot name", async () => {
    using dir = tempDir();
    const { stderr } = await launch(dir, plantTree(dir, nodeFiles()), {
      command: ["node", "--version"],
      shared: true,
      scratchName: "a:b",
    });
    expect(stderr).toContain('WORK_DIR must not hold any of ":;$"');
  });
});

/** What starts the launcher where the test's directory may start nothing. */
function onNoexec(dir: TempDir): readonly string[] {
  const script = 'mount --bind "$0" "$0" && mount -o remount,bind,noexec "$0" && exec "$@"';
  return ["unshare", "--mount", "sh", "-c", script, dir.path];
}
