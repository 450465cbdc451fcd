import { describe, expect } from "bun:test";
import { chmodSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serverIdentity } from "../../src/launch/ownership.ts";
import {
  mountProblem,
  ORDINARY_USER,
  otherUserProblem,
  runModeProblem,
} from "../support/privileges.ts";
import { type ConditionalTest, programProblem, unless } from "../support/requirements.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";
import { inOwnedRoot } from "./support/owned-root.ts";
import {
  AS_ROOT,
  onlyPrograms,
  put,
  run,
  start,
  tinyRoot,
  type StartOptions,
} from "./support/tiny-root.ts";

// Every way to become the server, each with what has to be true in all of them.
interface Way {
  readonly name: string;
  readonly programs: readonly string[];
  /** What this machine lacks for it besides programs. */
  readonly problem: string | undefined;
  readonly options: (dir: TempDir) => Partial<StartOptions>;
  /** A helper stays, so that the server's PID is another than the runner's. */
  readonly monitored?: boolean;
  /** Nothing is mounted. */
  readonly bare?: boolean;
  /** The server is in the runner's own root and only /app is the image's. */
  readonly overlay?: boolean;
  /** The stand-in for su-exec is written in Go, which raises the limit of open files. */
  readonly goLimits?: boolean;
}

// An ordinary user: another than root's tests themselves are, or who they are.
const ORDINARY = AS_ROOT ? { uid: ORDINARY_USER } : {};
const NOT_ROOT = AS_ROOT ? undefined : "needs root";
const NO_MOUNTS = mountProblem();
const NO_NAMESPACE = AS_ROOT
  ? (otherUserProblem() ?? runModeProblem(ORDINARY_USER))
  : runModeProblem();
const NO_OTHER_USER = AS_ROOT ? otherUserProblem() : undefined;
const SERVER = serverIdentity();
const WITHOUT_MOUNTS = ["setpriv", "--bounding-set", "-sys_admin"];
const WITHOUT_MKNOD = ["setpriv", "--bounding-set", "-sys_admin,-mknod"];

const WAYS: readonly Way[] = [
  { name: "chroot", programs: [], problem: NO_MOUNTS, options: () => ({ mode: "chroot" }) },
  {
    name: "chroot without mounts",
    programs: ["setpriv"],
    problem: NOT_ROOT,
    options: () => ({ mode: "chroot", through: WITHOUT_MOUNTS }),
    bare: true,
  },
  {
    name: "userns by unshare",
    programs: ["unshare"],
    problem: NO_NAMESPACE,
    options: (dir) => ({ ...ORDINARY, searchPath: onlyPrograms(dir, { unshare: "unshare" }) }),
  },
  {
    name: "userns by bubblewrap",
    programs: ["bwrap"],
    problem: NO_NAMESPACE,
    options: (dir) => ({ ...ORDINARY, searchPath: onlyPrograms(dir, { bwrap: "bwrap" }) }),
    monitored: true,
  },
  {
    name: "chroot on a shared tree",
    programs: [],
    problem: NO_MOUNTS,
    options: () => ({ mode: "chroot", shared: true }),
  },
  {
    name: "chroot without mounts on a shared tree",
    programs: ["setpriv"],
    problem: NOT_ROOT,
    options: () => ({ mode: "chroot", through: WITHOUT_MOUNTS, shared: true }),
    bare: true,
  },
  {
    name: "userns by unshare on a shared tree",
    programs: ["unshare"],
    problem: NO_NAMESPACE,
    options: (dir) => ({
      ...ORDINARY,
      searchPath: onlyPrograms(dir, { unshare: "unshare" }),
      shared: true,
    }),
  },
  {
    name: "userns by bubblewrap on a shared tree",
    programs: ["bwrap"],
    problem: NO_NAMESPACE,
    options: (dir) => ({
      ...ORDINARY,
      searchPath: onlyPrograms(dir, { bwrap: "bwrap" }),
      shared: true,
    }),
    monitored: true,
  },
  {
    name: "proot",
    programs: ["proot"],
    problem: NO_OTHER_USER,
    options: () => ({ ...ORDINARY, mode: "proot" }),
    monitored: true,
  },
  {
    name: "proot on a shared tree",
    programs: ["proot"],
    problem: NO_OTHER_USER,
    options: () => ({ ...ORDINARY, mode: "proot", shared: true }),
    monitored: true,
  },
  {
    name: "proot for root",
    programs: ["proot"],
    problem: NOT_ROOT,
    options: () => ({ mode: "proot" }),
    monitored: true,
  },
  {
    name: "proot for root without capabilities to mount, on a shared tree",
    programs: ["proot", "setpriv"],
    problem: NOT_ROOT,
    options: () => ({ mode: "proot", through: WITHOUT_MOUNTS, shared: true }),
    monitored: true,
  },
  {
    name: "overlay in process",
    programs: ["unshare"],
    problem: NO_MOUNTS,
    options: (dir) => ({ searchPath: onlyPrograms(dir, {}), through: inOwnedRoot(dir) }),
    overlay: true,
  },
  {
    name: "overlay by su-exec",
    programs: ["unshare", "gosu"],
    problem: NO_MOUNTS,
    options: (dir) => ({
      searchPath: onlyPrograms(dir, { "su-exec": "gosu", env: "env" }),
      through: inOwnedRoot(dir),
    }),
    overlay: true,
    goLimits: true,
  },
];

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

function runScript(way: Way, dir: TempDir, script: string, options: Partial<StartOptions> = {}) {
  return run(dir, rootWith(dir, script), {
    command: ["/app/server"],
    ...way.options(dir),
    ...options,
  });
}

for (const way of WAYS) {
  const check = testWith(way.programs, way.problem);
  describe(way.name, () => {
    check("the environment is the server's and nothing else", async () => {
      using dir = tempDir();
      const { stdout, stderr, status } = await runScript(way, dir, "exec env", {
        env: { LD_PRELOAD: "", ODD: "a b\n=c\u00e9", HOME: "/app" },
        serverEnvironment: { SECRET: "s3cret" },
      });
      expect(stderr).toBe("");
      const lines = stdout.trim().split("\n");
      expect(lines).toContain("SECRET=s3cret");
      expect(lines).toContain("HOME=/app");
      expect(lines).toContain("LD_PRELOAD=");
      expect(lines).toContain("=c\u00e9");
      const names = lines.map((line) => line.split("=")[0] ?? "").filter((name) => name !== "");
      // SHLVL is the shell's own.
      expect(names.filter((name) => name !== "SHLVL").toSorted()).toEqual(
        `FASTMCP_HOST FASTMCP_PORT FASTMCP_STREAMABLE_HTTP_PATH FASTMCP_TRANSPORT HOME HOST LD_PRELOAD
        MCP_HOST MCP_PATH MCP_PORT MCP_TRANSPORT ODD PATH PORT PWD SECRET`.split(/\s+/),
      );
      expect(status).toBe(0);
    });

    check("argv arrives as the image has it", async () => {
      using dir = tempDir();
      const { stdout } = await runScript(way, dir, 'for a in "$@"; do echo "[$a]"; done', {
        command: ["/app/server", "", "a b", "--help", "é"],
      });
      expect(stdout).toBe("[]\n[a b]\n[--help]\n[é]\n");
    });

    check("a command from PATH keeps its short name", async () => {
      using dir = tempDir();
      const root = rootWith(dir, "true");
      put(root, "app/bin/named", readFileSync(join(root, "bin/busybox")), 0o755);
      const { stdout, stderr } = await run(dir, root, {
        ...way.options(dir),
        command: ["named", "sh", "-c", "true"],
        env: { PATH: "/app/bin:/bin" },
      });
      // busybox tells which applet its argv[0] asks for.
      expect(stdout + stderr).toBe("named: applet not found\n");
    });

    check("the server has the runner's PID, or a monitor that speaks for it", async () => {
      using dir = tempDir();
      const child = start(dir, rootWith(dir, "echo $$"), {
        command: ["/app/server"],
        ...way.options(dir),
      });
      const pid = Number(await new Response(child.stdout).text());
      expect(pid === child.pid).toBe(way.monitored !== true);
    });

    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"] as const) {
      check(`${signal} reaches the server, and its answer is the exit status`, async () => {
        using dir = tempDir();
        const name = signal.slice(3);
        const script = `trap 'echo got; exit 7' ${name}; echo ready; while :; do sleep 0.02; done`;
        const child = start(dir, rootWith(dir, script), {
          command: ["/app/server"],
          ...way.options(dir),
        });
        const output = child.stdout.getReader();
        expect(text(await output.read())).toBe("ready\n");
        child.kill(signal);
        expect(text(await output.read())).toBe("got\n");
        expect(await child.exited).toBe(7);
      });
    }

    check("a server that ends by a signal ends the runner with 128+n", async () => {
      using dir = tempDir();
      expect((await runScript(way, dir, "kill -USR2 $$")).status).toBe(140);
    });

    check("stdin and stdout pass byte for byte", async () => {
      using dir = tempDir();
      const bytes = crypto.getRandomValues(new Uint8Array(65_536)).slice(0, 60_001);
      const child = start(dir, rootWith(dir, "exec cat"), {
        command: ["/app/server"],
        ...way.options(dir),
        stdin: "pipe",
      });
      // Bytes that wait in the pipe before the server exists are the server's.
      if (child.stdin === undefined) throw new Error("no stdin");
      child.stdin.write(bytes);
      await child.stdin.end();
      expect(Buffer.from(await new Response(child.stdout).arrayBuffer()).equals(bytes)).toBe(true);
    });

    check(
      "a missing command is 127 and one that cannot run 126, each with a sentence",
      async () => {
        using dir = tempDir();
        const root = rootWith(dir, "true");
        put(root, "app/text", "no program", 0o755);
        const options = {
          ...way.options(dir),
          mode: way.overlay === true ? "overlay" : "auto",
        } as const;
        const missing = await run(dir, root, { ...options, command: ["/app/none"] });
        expect(missing.stderr).toBe("COMMAND_NOT_FOUND: /app/none does not exist\n");
        expect(missing.status).toBe(127);
      },
    );

    check("the working directory is created, and belongs to the server", async () => {
      using dir = tempDir();
      const { stdout } = await runScript(way, dir, "pwd; stat -c %u .", {
        workingDir: "/app/new/er",
      });
      expect(stdout).toBe(`/app/new/er\n${SERVER.uid}\n`);
    });

    if (way.bare !== true) {
      check("identity, privileges, signals and limits are clean", async () => {
        using dir = tempDir();
        const { stdout } = await runScript(
          way,
          dir,
          "umask; ulimit -Sn; grep -E '^(Uid|Gid|Groups|NoNewPrivs|Sig(Blk|Ign|Cgt)|Cap(Prm|Eff|Amb)):' /proc/self/status",
        );
        const [umask, files, ...lines] = stdout.trim().split("\n");
        expect(umask).toBe("0022");
        if (way.goLimits !== true) expect(files).toBe("1024");
        const status = Object.fromEntries(lines.map((line) => line.split(/:\s*/)));
        expect(status).toEqual({
          Uid: Array(4).fill(SERVER.uid).join("\t"),
          Gid: Array(4).fill(SERVER.gid).join("\t"),
          Groups: AS_ROOT ? "" : expect.any(String),
          NoNewPrivs: "1",
          SigBlk: "0000000000000000",
          SigIgn: "0000000000000000",
          SigCgt: expect.any(String),
          CapPrm: "0000000000000000",
          CapEff: "0000000000000000",
          CapAmb: "0000000000000000",
        });
      });

      check("no descriptor beyond stdio is inherited, and stdio blocks", async () => {
        using dir = tempDir();
        const script = "ls /proc/$$/fd; grep flags /proc/$$/fdinfo/1";
        const { stdout } = await runScript(way, dir, script);
        // The shell reads its script through a descriptor of its own, 10 or above.
        const [descriptors = "", flags = ""] = stdout.split("flags:");
        expect(
          descriptors
            .trim()
            .split("\n")
            .filter((fd) => Number(fd) < 10),
        ).toEqual(["0", "1", "2"]);
        expect(Number.parseInt(flags.trim(), 8) & 0o4000).toBe(0);
      });
    }

    if (way.overlay !== true) {
      check(
        "/dev/null takes writes, /tmp is for everybody, names resolve as on the machine",
        async () => {
          using dir = tempDir();
          const script = "echo x >/dev/null && stat -c %a /tmp && cat /etc/resolv.conf";
          const { stdout, stderr } = await runScript(way, dir, script);
          expect(stderr).toBe("");
          expect(stdout).toBe(`1777\n${readFileSync("/etc/resolv.conf", "utf8")}`);
        },
      );

      check("an image's links for resolv.conf and /dev lead nowhere outside", async () => {
        using dir = tempDir();
        const canary = dir.file("canary");
        writeFileSync(canary, "untouched");
        const root = rootWith(dir, "cat /etc/resolv.conf >/dev/null && echo fine");
        chmodSync(dir.path, 0o755);
        symlinkSync(canary, join(root, "etc/resolv.conf"));
        symlinkSync(dir.path, join(root, "dev"));
        const { stdout } = await run(dir, root, { ...way.options(dir), command: ["/app/server"] });
        expect(stdout).toBe("fine\n");
        expect(readFileSync(canary, "utf8")).toBe("untouched");
        expect(lstatSync(canary).isFile()).toBe(true);
      });

      check("the whole tree is the server's: /root is its home, setuid bits are gone", async () => {
        using dir = tempDir();
        const root = rootWith(
          dir,
          "stat -c '%u %a' /root/.local /bin/su; echo x >/root/f; echo $HOME",
        );
        put(root, "root/.local/x", "");
        chmodSync(join(root, "root"), 0o700);
        chmodSync(join(root, "root/.local"), 0o700);
        put(root, "bin/su", "su");
        if (AS_ROOT) chmodSync(join(root, "bin/su"), 0o4755);
        put(root, "etc/passwd", "root:x:0:0::/root:\n");
        const { stdout, stderr } = await run(dir, root, {
          ...way.options(dir),
          command: ["/app/server"],
        });
        expect(stderr).toBe("");
        expect(stdout).toBe(`${SERVER.uid} 700\n${SERVER.uid} 755\n/root\n`);
      });
    }
  });
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
