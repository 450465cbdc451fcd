// The last resort, with real runtimes: the image's own loader starts its programs outside of their root.

import { describe, expect } from "bun:test";
import { chmodSync, readFileSync } from "node:fs";
import { serverIdentity } from "../../src/launch/ownership.ts";
import { ORDINARY_USER, otherUserProblem } from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { muslFiles, nodeFiles, PYTHON, pythonFiles, venvFiles } from "../support/runtime-files.ts";
import type { TarEntry } from "../support/tar-archive.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";
import { plantTree } from "./support/plant-tree.ts";
import { AS_ROOT, run, start, type StartOptions } from "./support/tiny-root.ts";
import { snapshotOf } from "./support/tree-snapshot.ts";

interface User {
  readonly name: string;
  readonly problem: string | undefined;
  readonly options: Partial<StartOptions>;
}

const USERS: readonly User[] = [
  { name: "as root", problem: AS_ROOT ? undefined : "needs root", options: {} },
  {
    name: "as an ordinary user",
    problem: AS_ROOT ? otherUserProblem() : undefined,
    options: AS_ROOT ? { uid: ORDINARY_USER } : {},
  },
];
const SERVER = serverIdentity();
const WITH_NODE = programProblem("node", "ldd");
const WITH_PYTHON = programProblem(PYTHON, "ldd");

const NODE_SERVER = `
const { readFileSync, readlinkSync, readdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { tmpdir, homedir } = require("node:os");
writeFileSync(join(tmpdir(), "written"), "");
writeFileSync(join(homedir(), "written"), "");
console.log(JSON.stringify({
  argv: process.argv.slice(1),
  cwd: process.cwd(),
  home: homedir(),
  temporary: tmpdir(),
  environment: process.env,
  pid: process.pid,
  umask: process.umask(),
  status: readFileSync("/proc/self/status", "utf8"),
  limits: readFileSync("/proc/self/limits", "utf8"),
  maps: readFileSync("/proc/self/maps", "utf8"),
}));
`;

const NODE_IMAGE: readonly TarEntry[] = [
  { path: "app/server.js", content: NODE_SERVER },
  { path: "app/start", content: `#!/usr/bin/env node\n${NODE_SERVER}`, mode: 0o755 },
  { path: "etc/passwd", content: "node:x:1000:1000::/home/node:\n" },
  { path: "etc/ssl/certs/ca-certificates.crt", content: "" },
  { path: "usr/bin/env", content: "#!/usr/local/bin/node\n", mode: 0o755 },
  { path: "data/file", content: "" },
];

function nodeTree(dir: TempDir): string {
  return plantTree(dir, [...nodeFiles(), ...NODE_IMAGE]);
}

function launch(dir: TempDir, root: string, options: StartOptions) {
  return run(dir, root, { mode: "loader", ...options });
}

/** What a process has mapped that could run: every such file has to be the image's. */
function strangers(maps: string, root: string): readonly string[] {
  return maps
    .split("\n")
    .filter((line) => line.split(" ")[1]?.includes("x") === true)
    .map((line) => line.slice(73))
    .filter((path) => path.startsWith("/") && !path.startsWith(`${root}/`));
}

describe.each(USERS.map((user) => [user.name, user] as const))("%s", (_, user) => {
  const withNode = unless(WITH_NODE, user.problem);
  const withPython = unless(WITH_PYTHON, user.problem);

  withNode("Node runs with the image's libraries, and finds the image's files", async () => {
    using dir = tempDir();
    const root = nodeTree(dir);
    const { stdout, stderr, status } = await launch(dir, root, {
      ...user.options,
      command: ["node", "/app/server.js", "relative", "/data", "--file=/data/file", "/none", "/"],
      env: { PATH: "/usr/local/bin:/bin", LD_LIBRARY_PATH: "/data", NODE_PATH: "/data:/none" },
      user: "node",
      workingDir: "/app",
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const server = JSON.parse(stdout);
    expect(server.argv).toEqual([
      `${root}/app/server.js`,
      "relative",
      `${root}/data`,
      `--file=${root}/data/file`,
      "/none",
      "/",
    ]);
    expect(server.cwd).toBe(`${root}/app`);
    expect(server.home).toBe(`${root}/home/node`);
    expect(server.temporary).toBe(`${root}/tmp`);
    expect(server.environment).toMatchObject({
      PATH: `${root}/usr/local/bin:${root}/bin`,
      NODE_PATH: `${root}/data:${root}/none`,
      SSL_CERT_FILE: `${root}/etc/ssl/certs/ca-certificates.crt`,
      MCP_PATH: "/mcp",
    });
    expect(Object.keys(server.environment)).not.toContain("LD_LIBRARY_PATH");
    expect(Object.keys(server.environment)).not.toContain("RUNNER_CANARY");
    expect(strangers(server.maps, root)).toEqual([]);
  });

  withNode("identity, privileges, signals and limits are clean", async () => {
    using dir = tempDir();
    const root = nodeTree(dir);
    const { stdout } = await launch(dir, root, { ...user.options, command: ["/app/start"] });
    const { status, limits, umask } = JSON.parse(stdout);
    const fields = Object.fromEntries(status.split("\n").map((line: string) => line.split(/:\s*/)));
    expect(umask).toBe(0o022);
    expect(limits).toMatch(/^Max open files +\d+/m);
    expect(fields).toMatchObject({
      Uid: Array(4).fill(SERVER.uid).join("\t"),
      Gid: Array(4).fill(SERVER.gid).join("\t"),
      NoNewPrivs: "1",
      SigBlk: "0000000000000000",
      CapPrm: "0000000000000000",
      CapEff: "0000000000000000",
      CapAmb: "0000000000000000",
    });
  });

  withNode("the server has the runner's PID, its signals, its stdin and its stdout", async () => {
    using dir = tempDir();
    const script = `
      process.on("SIGTERM", () => process.exit(7));
      process.stdin.pipe(process.stdout);
      process.stderr.write(String(process.pid));
      setInterval(() => {}, 1000);`;
    const root = plantTree(dir, [...nodeFiles(), { path: "app/server.js", content: script }]);
    const child = start(dir, root, {
      ...user.options,
      mode: "loader",
      command: ["node", "/app/server.js"],
      stdin: "pipe",
    });
    if (child.stdin === undefined) throw new Error("no stdin");
    const bytes = crypto.getRandomValues(new Uint8Array(65_536)).slice(0, 60_001);
    child.stdin.write(bytes);
    await child.stdin.end();
    const received: Uint8Array[] = [];
    for await (const chunk of child.stdout) {
      received.push(chunk);
      if (Buffer.concat(received).length >= bytes.length) break;
    }
    expect(Buffer.concat(received).equals(bytes)).toBe(true);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(7);
    expect(await new Response(child.stderr).text()).toBe(String(child.pid));
  });

  withNode("a server that ends by a signal ends the runner with it", async () => {
    using dir = tempDir();
    const script = "process.kill(process.pid, 'SIGUSR2');setInterval(() => {}, 1000);";
    const root = plantTree(dir, [...nodeFiles(), { path: "app/server.js", content: script }]);
    const command = ["node", "/app/server.js"];
    expect((await launch(dir, root, { ...user.options, command })).status).toBe(140);
  });

  withNode("a tree that others use stays as it is", async () => {
    using dir = tempDir();
    const root = nodeTree(dir);
    chmodSync(dir.path, 0o755);
    const first = await launch(dir, root, {
      ...user.options,
      command: ["node", "/app/server.js"],
      scratchName: "run-",
      shared: true,
      workingDir: "/srv/new",
    });
    expect(first.stderr).toBe("");
    const { cwd, maps } = JSON.parse(first.stdout);
    expect(cwd).toEndWith("/copy/srv/new");
    expect(strangers(maps, cwd.slice(0, -"/srv/new".length))).toEqual([]);
    const before = snapshotOf(root);
    await launch(dir, root, {
      ...user.options,
      command: ["node", "/app/server.js"],
      scratchName: "run-",
      shared: true,
    });
    expect(snapshotOf(root)).toEqual(before);
  });

  withPython("Python in a virtual environment whose python is a link out of it", async () => {
    using dir = tempDir();
    const root = plantTree(dir, [
      ...pythonFiles("usr/local"),
      ...venvFiles("/usr/local/bin"),
      {
        path: "app/.venv/bin/serve",
        content: `#!/app/.venv/bin/python\n${PYTHON_SERVER}`,
        mode: 0o755,
      },
    ]);
    const { stdout, stderr } = await launch(dir, root, {
      ...user.options,
      command: ["serve", "/app/src"],
      env: { PATH: "/app/.venv/bin:/usr/local/bin" },
      workingDir: "/app",
    });
    expect(stderr).toBe("");
    const server = JSON.parse(stdout);
    expect(server.executable).toBe(`${root}/app/.venv/bin/python`);
    expect(server.prefix).toBe(`${root}/app/.venv`);
    expect(server.base).toBe(`${root}/usr/local`);
    expect(server.argv).toEqual([`${root}/app/.venv/bin/serve`, `${root}/app/src`]);
    expect(server.edited).toBe(`${root}/app/src/edited.py`);
    for (const path of [server.installed, server.library, server.ssl])
      expect(path).toStartWith(`${root}/`);
    expect(strangers(server.maps, root)).toEqual([]);
  });

  withPython("Python below /root/.local", async () => {
    using dir = tempDir();
    const root = plantTree(dir, [
      { path: "root/", mode: 0o700 },
      ...pythonFiles("root/.local/share/uv/python/cpython"),
      ...venvFiles("/root/.local/share/uv/python/cpython/bin"),
      { path: "app/server.py", content: PYTHON_SERVER },
    ]);
    const { stdout, stderr } = await launch(dir, root, {
      ...user.options,
      command: ["/app/.venv/bin/python", "/app/server.py"],
    });
    expect(stderr).toBe("");
    const server = JSON.parse(stdout);
    expect(server.base).toBe(`${root}/root/.local/share/uv/python/cpython`);
    expect(strangers(server.maps, root)).toEqual([]);
  });

  unless(programProblem("busybox"), user.problem)(
    "a static program in an otherwise empty image",
    async () => {
      using dir = tempDir();
      const busybox = readFileSync(Bun.which("busybox") ?? "");
      const root = plantTree(dir, [{ path: "busybox", content: busybox, mode: 0o755 }]);
      const { stdout, status } = await launch(dir, root, {
        ...user.options,
        entrypoint: ["/busybox"],
        command: ["readlink", "/proc/self/exe"],
      });
      expect(stdout).toBe(`${root}/busybox\n`);
      expect(status).toBe(0);
    },
  );

  unless(programProblem("busybox", "musl-gcc"), user.problem)(
    "a program for musl, and busybox beside it",
    async () => {
      using dir = tempDir();
      const root = plantTree(dir, muslFiles());
      const options = { ...user.options, env: { PATH: "/bin:/usr/bin" } };
      const hello = await launch(dir, root, { ...options, command: ["hello", "/usr/bin"] });
      expect(hello.stdout).toStartWith(`hello from musl\n${root}/usr/bin\n`);
      expect(strangers(hello.stdout, root)).toEqual([]);
      const echo = await launch(dir, root, { ...options, command: ["echo", "fine"] });
      expect(echo.stdout).toBe("fine\n");
    },
  );
});

const PYTHON_SERVER = `
import ctypes, installed, edited, json, os, ssl, sys
print(json.dumps({
    "argv": sys.argv,
    "executable": sys.executable,
    "prefix": sys.prefix,
    "base": sys.base_prefix,
    "library": os.__file__,
    "installed": installed.WHERE,
    "edited": edited.WHERE,
    "ssl": ssl._ssl.__file__,
    "maps": open("/proc/self/maps").read(),
}))
`;
