import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { probeMachine, type Probe } from "../../src/launch/probe.ts";
import { failureOf, mountProblem, otherUserProblem } from "../support/privileges.ts";
import { needsThat, programProblem, unless } from "../support/requirements.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";
import { AS_ROOT, put } from "./support/tiny-root.ts";

const PROBE = join(import.meta.dir, "../../src/launch/probe.ts");
const rootProblem = AS_ROOT ? programProblem("setpriv") : "needs root";
const testAsRoot = unless(rootProblem);
const testAsBoth = unless(rootProblem ?? otherUserProblem());

/** Probes in a process of its own, started by other programs that take privileges away. */
async function probeThrough(through: readonly string[], searchPath: string): Promise<Probe> {
  const script = `
    import { probeMachine } from ${JSON.stringify(PROBE)};
    const probe = await probeMachine({ searchPath: ${JSON.stringify(searchPath)} });
    require("node:fs").writeSync(1, JSON.stringify(probe));`;
  const child = Bun.spawn([...through, process.execPath, "-e", script], { cwd: "/", env: {} });
  return JSON.parse(await new Response(child.stdout).text()) as Probe;
}

function programs(dir: TempDir): string {
  chmodSync(dir.path, 0o755);
  const path = dir.file("programs");
  mkdirSync(path);
  return path;
}

describe("probeMachine", () => {
  test("a root without the marker is not for overlay, nor one whose marker is somebody else's", async () => {
    using dir = tempDir();
    const options = { searchPath: "", runtimeRoot: dir.path };
    expect((await probeMachine(options)).modes.overlay.works).toBe(false);
    mkdirSync(dir.file("etc/fastmcp-runner"), { recursive: true });
    symlinkSync("/dev/null", dir.file("etc/fastmcp-runner/owns-root"));
    expect((await probeMachine(options)).modes.overlay.works).toBe(false);
  });

  needsThat(AS_ROOT, "needs root")(
    "a marker of root's declares a root that the runner owns",
    async () => {
      using dir = tempDir();
      put(dir.path, "etc/fastmcp-runner/owns-root", "");
      const { modes } = await probeMachine({ searchPath: "", runtimeRoot: dir.path });
      expect(modes.overlay).toEqual({ works: true, detail: "the runner owns this root" });
    },
  );

  unless(rootProblem ?? mountProblem())(
    "root with everything changes its root with mounts",
    async () => {
      const probe = await probeThrough([], "");
      expect(probe).toMatchObject({
        root: true,
        mounts: { works: true },
        modes: { chroot: { works: true }, userns: { works: false } },
      });
    },
  );

  const LIMITED = [
    { without: "sys_chroot", why: "chroot to / failed with EPERM" },
    { without: "setuid", why: "root lacks CAP_SETUID" },
    { without: "setgid,-setuid", why: "root lacks CAP_SETUID, CAP_SETGID" },
  ];
  for (const { without, why } of LIMITED) {
    testAsRoot(`root without ${without} may not change its root`, async () => {
      const probe = await probeThrough(["setpriv", "--bounding-set", `-${without}`], "");
      expect(probe.modes.chroot).toEqual({ works: false, why });
    });
  }

  testAsRoot(
    "root that may not write to the server's tree has not even the last resort",
    async () => {
      const without = ["setpriv", "--bounding-set", "-dac_override,-fowner,-sys_chroot"];
      expect((await probeThrough(without, "")).modes.loader).toEqual({
        works: false,
        why: "root lacks CAP_DAC_OVERRIDE, CAP_FOWNER",
      });
    },
  );

  const namespace = ["unshare", "--user", "--map-root-user"];
  const namespaceProblem = rootProblem ?? failureOf([...namespace, "true"]);
  unless(namespaceProblem)("root in a namespace that lacks the server's user says so", async () => {
    const probe = await probeThrough(namespace, "");
    expect(probe.modes.chroot).toEqual({
      works: false,
      why: "this user namespace has no user and group 1000",
    });
  });

  testAsBoth(
    "an ordinary user without tools has the last resort, and each reason is told",
    async () => {
      using dir = tempDir();
      const probe = await probeThrough(
        ["setpriv", "--reuid=1000", "--clear-groups"],
        programs(dir),
      );
      expect(probe).toMatchObject({
        root: false,
        modes: {
          overlay: { works: false },
          chroot: { works: false, why: "only root may change the root directory" },
          userns: { works: false, why: "unshare: not installed, bwrap: not installed" },
          proot: { works: false, why: "proot is not installed" },
          loader: { works: true },
        },
      });
    },
  );

  testAsBoth("a tool in the working directory is not for the runner", async () => {
    using dir = tempDir();
    const path = programs(dir);
    put(path, "unshare", "#!/bin/sh\nexit 0\n", 0o755);
    const into = ["env", "-C", path, "setpriv", "--reuid=1000", "--clear-groups"];
    const probe = await probeThrough(into, ".:");
    expect(probe.tools.unshare).toEqual({ works: false, why: "not installed" });
  });

  testAsBoth("a tool that fails is reported in its own words and the next one taken", async () => {
    using dir = tempDir();
    const path = programs(dir);
    put(path, "unshare", "#!/bin/sh\necho 'unshare: no way' >&2\nexit 1\n", 0o755);
    put(path, "bwrap", "#!/bin/sh\nexit 0\n", 0o755);
    const probe = await probeThrough(["setpriv", "--reuid=1000", "--clear-groups"], path);
    expect(probe.tools.unshare).toEqual({ works: false, why: "no way" });
    expect(probe.namespaceTool).toEqual({ name: "bwrap", program: join(path, "bwrap") });
    expect(probe.modes.userns.works).toBe(true);
  });

  describe("of a directory for servers' roots", () => {
    unless(mountProblem())("names a file system where nothing may be started", async () => {
      using dir = tempDir();
      Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", dir.path]);
      try {
        const why = `no program can be started from ${dir.path}: it is mounted noexec`;
        const noexec = { works: false, why } as const;
        const searchPath = dirname(Bun.which("proot") ?? "");
        const { start, modes } = await probeMachine({ searchPath, directory: dir.path });
        expect({ start, chroot: modes.chroot, loader: modes.loader }).toEqual({
          start: noexec,
          chroot: noexec,
          loader: noexec,
        });
        if (searchPath !== ".") expect(modes.proot).toEqual(noexec);
        expect(modes.userns).not.toEqual(noexec);
        expect(readdirSync(dir.path)).toEqual([]);
      } finally {
        Bun.spawnSync(["umount", dir.path]);
      }
    });

    test("tells that nothing can be put there", async () => {
      const { start, modes } = await probeMachine({ searchPath: "", directory: "/proc/1" });
      const why = expect.stringMatching(/^no directory can be created in \/proc\/1 \(E\w+\)$/);
      expect([start, modes.loader]).toEqual([
        { works: false, why },
        { works: false, why },
      ]);
    });
  });

  unless(mountProblem())(
    "a root that the runner owns and may not write to is no place to put files",
    async () => {
      using dir = tempDir();
      const inside = dir.file("root");
      put(inside, "etc/fastmcp-runner/owns-root", "");
      Bun.spawnSync(["mount", "--bind", inside, inside]);
      Bun.spawnSync(["mount", "-o", "remount,bind,ro", inside]);
      try {
        const { modes, ownsRoot } = await probeMachine({ searchPath: "", runtimeRoot: inside });
        expect(ownsRoot).toBe(true);
        expect(modes.overlay).toMatchObject({ works: false });
      } finally {
        Bun.spawnSync(["umount", inside]);
      }
    },
  );

  unless(rootProblem ?? otherUserProblem() ?? programProblem("busybox"))(
    "another program of a tool's name is told from one that may not",
    async () => {
      using dir = tempDir();
      const path = programs(dir);
      symlinkSync(Bun.which("busybox") ?? "", join(path, "unshare"));
      const { tools } = await probeThrough(["setpriv", "--reuid=1000", "--clear-groups"], path);
      expect(tools.unshare).toEqual({
        works: false,
        why: "unrecognized option '--map-user=1000': it is too old, or another program of this name",
      });
    },
  );

  describe("of PRoot", () => {
    const proot = Bun.which("proot") ?? "";
    const testWithProot = unless(programProblem("proot"));
    const tried = async (dir: TempDir, script: string) => {
      const path = programs(dir);
      put(path, "proot", `#!/bin/sh\n${script}\n`, 0o755);
      return probeMachine({ searchPath: path, directory: dir.path });
    };

    testWithProot("lets it trace a program in a root of its own, and leaves nothing", async () => {
      using dir = tempDir();
      const { modes, tracer } = await tried(dir, `exec ${proot} "$@"`);
      expect(modes.proot).toMatchObject({
        works: true,
        detail: expect.stringContaining("proot traces it"),
      });
      expect(tracer).toMatchObject({ program: join(dir.path, "programs/proot"), environment: {} });
      expect(readdirSync(dir.path)).toEqual(["programs"]);
    });

    testWithProot("has it do without filters where they are in its way", async () => {
      using dir = tempDir();
      const { tracer } = await tried(dir, `[ "$PROOT_NO_SECCOMP" ] || exit 1\nexec ${proot} "$@"`);
      expect(tracer).toMatchObject({ environment: { PROOT_NO_SECCOMP: "1" }, filtered: false });
    });

    const BROKEN = [
      {
        title: "one that traces nothing",
        script: `exec bash -c 'exec -a "$1" "$0$1" check' "$4" "$7"`,
        why: "proot shows its programs this machine's files",
      },
      {
        title: "one that may not trace",
        script: 'echo "proot error: ptrace(TRACEME): Operation not permitted" >&2; exit 1',
        why: "ptrace(TRACEME): Operation not permitted",
      },
      { title: "one that says nothing", script: "exit 255", why: "proot ended with 255" },
    ];
    for (const { title, script, why } of BROKEN) {
      test(`tells what is wrong with ${title}`, async () => {
        using dir = tempDir();
        const { modes, tracer } = await tried(dir, script);
        expect(modes.proot).toEqual({ works: false, why });
        expect(tracer).toBeUndefined();
      });
    }
  });
});
