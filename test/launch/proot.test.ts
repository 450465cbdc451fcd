// What is PRoot's alone among the run modes: a tracer that stays, and must not be left alone with a server.

import { describe, expect } from "bun:test";
import { chmodSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { mountProblem, ORDINARY_USER, otherUserProblem } from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";
import { fieldOf, isGone } from "./support/process-fields.ts";
import { AS_ROOT, put, run, start, tinyRoot, type StartOptions } from "./support/tiny-root.ts";

const ORDINARY = AS_ROOT ? { uid: ORDINARY_USER } : {};
const problem = programProblem("busybox", "proot") ?? (AS_ROOT ? otherUserProblem() : undefined);
const test = unless(problem);
const testAsRoot = unless(problem ?? (AS_ROOT ? undefined : "needs root"));

/** A root with a script at /app/server. */
function rootWith(dir: TempDir, script: string): string {
  const root = tinyRoot(dir);
  put(root, "app/server", `#!/bin/sh\n${script}\n`, 0o755);
  return root;
}

const AS_ORDINARY: StartOptions = { command: ["/app/server"], mode: "proot", ...ORDINARY };
const AS_SELF: StartOptions = { command: ["/app/server"], mode: "proot" };

// Starts its arguments on a machine whose /dev, to be made at $0, holds devices alone.
const WITHOUT_SHARED_MEMORY = `set -e
mkdir "$0"
mount -t tmpfs -o mode=755 tmpfs "$0"
for name in null zero full random urandom tty; do
  touch "$0/$name"
  mount --bind "/dev/$name" "$0/$name"
done
mount --rbind "$0" /dev
exec "$@"`;

/** A server that tells its PID and then says nothing for long, with the processes that lead to it. */
async function startServer(dir: TempDir, options: StartOptions) {
  const runner = start(dir, rootWith(dir, "echo $$; exec sleep 1000"), options);
  const { value } = await runner.stdout.getReader().read();
  const server = Number(new TextDecoder().decode(value));
  const helper = parentOf(server);
  return { runner, server, helper, tracer: parentOf(helper) };
}

function parentOf(pid: number): number {
  return Number(fieldOf(pid, 1));
}

describe("nothing is left", () => {
  for (const [who, options] of [
    ["an ordinary user's", AS_ORDINARY],
    ["root's", AS_SELF],
  ] as const) {
    const testAs = options === AS_SELF ? testAsRoot : test;
    testAs(`when ${who} runner is killed outright`, async () => {
      using dir = tempDir();
      const { runner, server, helper, tracer } = await startServer(dir, options);
      expect(parentOf(tracer)).toBe(runner.pid);
      runner.kill("SIGKILL");
      for (const pid of [server, helper, tracer]) await isGone(pid);
    });

    testAs(`when the tracer of ${who} runner is killed outright`, async () => {
      using dir = tempDir();
      const { runner, server, helper, tracer } = await startServer(dir, options);
      process.kill(tracer, "SIGKILL");
      for (const pid of [server, helper]) await isGone(pid);
      expect(await runner.exited).toBe(137);
    });
  }

  test("when the server ends and what it started would stay, and its status is the runner's", async () => {
    using dir = tempDir();
    const script = "sleep 1000 & echo $!; (sleep 0.1; exit 3) & exit 9";
    const { stdout, stderr, status } = await run(dir, rootWith(dir, script), AS_ORDINARY);
    expect(stderr).toBe("");
    expect(status).toBe(9);
    await isGone(Number(stdout));
  });

  test("of the runner's in the server's root, whose mode is the image's", async () => {
    using dir = tempDir();
    const root = rootWith(dir, "ls -A /; stat -c %a /");
    chmodSync(root, 0o555);
    const { stdout } = await run(dir, root, AS_ORDINARY);
    // The mode is given back as soon as the runner knows that the server is there.
    expect(stdout).toMatch(/^app\nbin\ndev\netc\nproc\nsys\ntmp\n[57]55\n$/);
    expect(lstatSync(root).mode & 0o777).toBe(0o555);
    expect(readdirSync(root).filter((name) => name.startsWith("."))).toEqual([]);
  });
});

describe("a server", () => {
  test("has an orphan's end taken notice of", async () => {
    using dir = tempDir();
    const script = `(sh -c 'echo $$ >/tmp/pid' &); while [ ! -s /tmp/pid ]; do sleep 0.01; done
      read pid </tmp/pid; while [ -d /proc/$pid ]; do sleep 0.01; done; echo collected`;
    const { stdout } = await run(dir, rootWith(dir, script), AS_ORDINARY);
    expect(stdout).toBe("collected\n");
  });

  unless(problem ?? mountProblem() ?? programProblem("unshare"))(
    "has shared memory where the machine has none",
    async () => {
      using dir = tempDir();
      const script =
        "echo kept >/dev/shm/file && cat /dev/shm/file >/dev/null && cat /dev/shm/file";
      const { stdout, stderr } = await run(dir, rootWith(dir, script), {
        ...AS_SELF,
        through: ["unshare", "--mount", "sh", "-c", WITHOUT_SHARED_MEMORY, dir.file("dev")],
      });
      expect(stderr).toBe("");
      expect(stdout).toBe("kept\n");
    },
  );

  test("is not started when PRoot fails after all, and that is said", async () => {
    using dir = tempDir();
    const proot = Bun.which("proot") ?? "";
    const programs = dir.file("programs");
    put(
      programs,
      "proot",
      `#!/bin/sh\ncase "$*" in *check) exec ${proot} "$@";; esac; exit 3\n`,
      0o755,
    );
    chmodSync(dir.path, 0o755);
    const { stdout, stderr, status } = await run(dir, rootWith(dir, "echo up"), {
      ...AS_ORDINARY,
      searchPath: programs,
    });
    expect(stdout).toBe("");
    expect(stderr).toBe("RUN_MODE_UNAVAILABLE: proot ended with 3 before it started the server\n");
    expect(status).toBe(125);
  });

  testAsRoot("of root's runner is told of a way to its root that is closed to it", async () => {
    using dir = tempDir();
    mkdirSync(dir.file("closed/work/run"), { recursive: true });
    chmodSync(dir.file("closed"), 0o700);
    const root = tinyRoot(dir);
    Bun.spawnSync(["mv", root, dir.file("closed/work/run/root")]);
    const { stderr, status } = await run(dir, dir.file("closed/work/run/root"), {
      ...AS_SELF,
      command: ["/bin/ls"],
    });
    expect(stderr).toBe(
      `RUN_MODE_UNAVAILABLE: the server's user, 1000, cannot reach its root: ${dir.file("closed")} is closed to it\n`,
    );
    expect(status).toBe(125);
  });
});
