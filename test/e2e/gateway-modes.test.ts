// The compiled runner in front of a server on stdio in every run mode: what the server's processes are, what they share
// and see, and how they end.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { serverIdentity } from "../../src/launch/ownership.ts";
import { overTheOwn, WAYS, type Way } from "../launch/support/ways.ts";
import { inOwnedRoot } from "../launch/support/owned-root.ts";
import { layoutFiles, writeFiles } from "../support/disk-image.ts";
import {
  areGone,
  isAlive,
  processesBelow,
  processesOfSessions,
  told,
} from "../support/process-tree.ts";
import { unless } from "../support/requirements.ts";
import { runnerBinary } from "../support/runner-binary.ts";
import { freePort, runRunner, startRunner, type StartedRunner } from "../support/runner.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";
import {
  buildWitnessImage,
  openWitnessSession,
  WITNESS_PROBLEM,
  type WitnessSession,
} from "../support/witness-image.ts";

const RUN_MS = 60_000;
const REFUSALS = ["Permission denied", "Operation not permitted", "No such file or directory"];
const TOKEN = "canary-51d0c7e2";
const MANY = 30;

/** Who every process of a server is. */
const { uid, gid } = serverIdentity();
const SERVER = {
  pid: 0,
  user: `${uid}:${gid}`,
  groups: 0,
  noNewPrivileges: 1,
  umask: "022",
  descriptors: "0,1,2",
};

const images = tempDir();
const IMAGE = `oci:${images.file("witness")}`;

beforeAll(async () => {
  if (WITNESS_PROBLEM !== undefined) return;
  writeFiles(images.file("witness"), layoutFiles({ image: buildWitnessImage() }));
  chmodSync(images.path, 0o755);
  await runnerBinary();
}, 120_000);

afterAll(() => images[Symbol.dispose]());

describe.each(WAYS.map((way) => [way.name, way] as const))("%s", (_, way) => {
  const registered = unless(WITNESS_PROBLEM, way.problem);

  registered(
    "sessions have a process each, of the server's user, in one tree, and end with all that is theirs",
    async () => {
      using dir = tempDir();
      const mounts = mountsHere();
      await using at = await startGateway(way, dir);
      const [one, other] = await Promise.all([at.open(), at.open()]);
      const [first, second] = await Promise.all([one.state(), other.state()]);
      expect(first.pid).not.toBe(second.pid);
      expect({ ...first, pid: 0 }).toEqual(SERVER);

      expect(await one.put("note", "from one")).toBe("done");
      expect(await other.get("note")).toBe("from one");

      const started = await one.startProcess();
      const servers = processesBelow(at.gateway);
      expect(servers).toContainValues([first.pid, second.pid, started]);
      expect(await one.end()).toBeOneOf([200, 204]);
      await areGone([first.pid, started]);
      expect(isAlive(second.pid)).toBe(true);
      expect(await other.get("note")).toBe("from one");

      at.runner.process.kill("SIGTERM");
      const { status, stderr } = await at.runner.end();
      expect({ status, left: at.left() }).toEqual({ status: 0, left: [] });
      expect(stderr).toContain(`run mode ${at.mode}`);
      await areGone(servers);
      expect(mountsHere()).toEqual(mounts);
    },
    RUN_MS,
  );

  registered(
    "no process of a server outlives a runner that is killed outright",
    async () => {
      using dir = tempDir();
      await using at = await startGateway(way, dir);
      const { pid } = await (await at.open()).state();
      const servers = processesBelow(at.gateway);
      expect(servers).toContain(pid);
      at.runner.process.kill("SIGKILL");
      await areGone(servers);
    },
    RUN_MS,
  );

  registered(
    "nothing is left of processes that were starting when the runner was killed",
    async () => {
      using dir = tempDir();
      await using at = await startGateway(way, dir);
      await at.open();
      const opening = Array.from({ length: 12 }, () => at.open().catch(() => {}));
      while (processesBelow(at.gateway).length < 12) await Bun.sleep(1);
      // It starts no more, and what it has started goes on.
      at.runner.process.kill("SIGSTOP");
      const servers = processesBelow(at.gateway);
      at.runner.process.kill("SIGKILL");
      await Promise.all(opening);
      while (processesOfSessions(servers).length > 0) await Bun.sleep(5);
    },
    RUN_MS,
  );

  registered(
    "a server sees neither the runner's memory nor its token",
    async () => {
      using dir = tempDir();
      await using at = await startGateway(way, dir);
      const server = await at.open();
      const { pid } = await server.state();
      // Where it sees processes at all, it sees that it may read its own.
      const own = await server.mayRead(`/proc/${pid}/mem`);
      expect(own).toBeOneOf(["yes", "No such file or directory"]);
      for (const secret of ["mem", "environ", "maps", "fd/0", "root/proc/self/environ"])
        expect(await server.mayRead(`/proc/${at.gateway}/${secret}`)).toBeOneOf(REFUSALS);
      for (const server of [at.gateway, ...processesBelow(at.gateway)])
        for (const file of ["environ", "cmdline"] as const)
          expect(told(server, file)).not.toContain(TOKEN);
    },
    RUN_MS,
  );

  registered(
    `${MANY} sessions may begin at once`,
    async () => {
      using dir = tempDir();
      await using at = await startGateway(way, dir);
      const sessions = await Promise.all(Array.from({ length: MANY }, at.open));
      const states = await Promise.all(sessions.map((session) => session.state()));
      expect(new Set(states.map(({ pid }) => pid)).size).toBe(MANY);
      expect(await sessions[0]?.put("note", "one tree")).toBe("done");
      for (const session of sessions) {
        expect(await session.get("note")).toBe("one tree");
        expect(await session.mayRead("/dev/zero")).toBe("yes");
      }
      await allStarted(at.gateway);
      expect(at.names(2).length).toBeLessThan(MANY / 2);
      expect(at.names(3).filter((name) => name.startsWith(".fastmcp-runner"))).toEqual([]);
      at.runner.process.kill("SIGTERM");
      expect((await at.runner.end()).status).toBe(0);
      expect(at.left()).toEqual([]);
    },
    RUN_MS,
  );
});

interface StartedGateway extends AsyncDisposable {
  readonly runner: StartedRunner;
  readonly gateway: number;
  readonly mode: string;
  /** What there is in its work directory. */
  left(): readonly string[];
  /** The names in its work directory: to a depth of 2 its run's, and of 3 those in the server's root. */
  names(depth: number): readonly string[];
  /** Opens a session, which waits until there is a server. */
  open(): Promise<WitnessSession>;
}

async function startGateway(way: Way, dir: TempDir): Promise<StartedGateway> {
  const { mode = "", uid, searchPath, shared = false, through = [] } = way.options(dir);
  chmodSync(dir.path, 0o755);
  const cache = dir.file("cache");
  if (shared) mkdirSync(cache);
  if (shared && uid !== undefined) chownSync(cache, uid, uid);
  const port = freePort();
  const runner = await startRunner({
    environment: {
      ...(way.baked ? {} : { IMAGE, RUN_MODE: mode }),
      ...(shared ? { CACHE_DIR: cache } : {}),
      PORT: String(port),
      SERVER_TRANSPORT: "stdio",
      AUTH_TOKEN: TOKEN,
    },
    through: [
      ...(way.baked ? await inBakedRoot(dir) : through),
      ...(searchPath === undefined ? [] : ["env", `PATH=${searchPath}`]),
    ],
    ...(uid === undefined ? {} : { user: uid }),
  });
  const url = `http://127.0.0.1:${port}/mcp`;
  return {
    runner,
    mode,
    gateway: runner.process.pid,
    left: () => readdirSync(runner.workDirectory),
    names: (depth) => namesBelow(runner.workDirectory, depth).map((path) => basename(path)),
    async open() {
      for (;;) {
        try {
          return await openWitnessSession(url, { authorization: `Bearer ${TOKEN}` });
        } catch (error) {
          const { exitCode, signalCode } = runner.process;
          if (exitCode !== null || signalCode !== null)
            throw new Error(`the runner ended: ${(await runner.end()).stderr}`, { cause: error });
          await Bun.sleep(20);
        }
      }
    },
    [Symbol.asyncDispose]: () => runner[Symbol.asyncDispose](),
  };
}

async function inBakedRoot(dir: TempDir): Promise<readonly string[]> {
  const root = dir.file("root");
  const { status, stderr } = await runRunner({
    arguments: ["pull", IMAGE, "--to", root, "--bake"],
  });
  if (status !== 0) throw new Error(stderr);
  return inOwnedRoot(dir, overTheOwn(root));
}

async function allStarted(gateway: number): Promise<void> {
  const isLeaf = (pid: number) => processesBelow(pid).length === 0;
  const isServer = (pid: number) => told(pid, "comm") === "witness\n";
  while (!processesBelow(gateway).filter(isLeaf).every(isServer)) await Bun.sleep(10);
}

function namesBelow(directory: string, depth: number): readonly string[] {
  if (depth === 0 || !statSync(directory).isDirectory()) return [];
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    return [path, ...namesBelow(path, depth - 1)];
  });
}

function mountsHere(): readonly string[] {
  return readFileSync("/proc/self/mounts", "utf8").split("\n");
}
