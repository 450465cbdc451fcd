// What a server may rely on in whichever way it is started: its process, its files, its input and output. A row that
// does not hold for a way says why there.

import { describe, expect } from "bun:test";
import { chmodSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { getPriority } from "node:os";
import { join } from "node:path";
import { serverIdentity } from "../../src/launch/ownership.ts";
import { tempDir } from "../support/temp-dir.ts";
import { CERTIFICATES, type ServerState, STATE, ZONE } from "./support/probe-server.ts";
import { fieldOf } from "./support/process-fields.ts";
import {
  ended,
  type Exception,
  NEVER,
  options,
  OWN_ROOT,
  OWN_SYSTEM,
  prepared,
  promise,
  started,
  UNPACKED_SO,
} from "./support/promise.ts";
import { run } from "./support/tiny-root.ts";
import type { Way } from "./support/ways.ts";

const SERVER = serverIdentity();

// What a starter may have done to itself, and what of it is the server's as well.
const STARTER = [
  "nice",
  "-n",
  "3",
  "sh",
  "-c",
  'umask 077; ulimit -n 4096; ulimit -Sn 512; exec "$@" 3</dev/null 5</dev/null 9>/dev/null',
  "sh",
];

const states = new Map<string, Promise<ServerState>>();

/** What a server that is started like this says of itself; asked once for all rows. */
function stateOf(way: Way): Promise<ServerState> {
  const known = states.get(way.name) ?? askState(way);
  states.set(way.name, known);
  return known;
}

async function askState(way: Way, through = STARTER): Promise<ServerState> {
  using dir = tempDir();
  const { stdout, stderr } = await ended(way, dir, {
    command: STATE,
    env: { TZ: ZONE.name },
    workingDir: "/app/new/er",
    through,
  });
  expect(stderr).toBe("");
  const state = JSON.parse(stdout) as ServerState;
  const root = way.loader === true ? dir.file("root") : "";
  return { ...state, directory: state.directory.slice(root.length) };
}

/** A row about one part of what a server says of itself. */
function promiseState<Key extends keyof ServerState>(
  title: string,
  key: Key,
  expected: ServerState[Key] | ((way: Way) => ServerState[Key]),
  except: Exception = NEVER,
): void {
  const wanted = typeof expected === "function" ? expected : () => expected;
  promise(
    title,
    async (way) => {
      expect((await stateOf(way))[key]).toEqual(wanted(way));
    },
    except,
  );
}

describe("a server's process", () => {
  const { uid, gid } = SERVER;
  promiseState("is user 1000's, or who started it", "user", [uid, uid, gid, gid]);
  promiseState("has no capability", "capabilities", 0);
  promiseState("can gain no privilege", "noNewPrivileges", 1);
  promiseState("has umask 022, whatever its starter has", "umask", "022");
  promiseState("is as nice as its starter", "nice", getPriority() + 3);
  promiseState("has 1024 open files, and the hard limit of its starter", "files", ({ goLimits }) =>
    goLimits === true ? [4096, 4096] : [1024, 4096],
  );
  promiseState("has stdio and no descriptor beyond", "descriptors", [0, 1, 2]);
  promiseState("has an stdout that blocks", "blocking", true);
  promiseState(
    "is in its starter's process group",
    "processGroup",
    Number(fieldOf(process.pid, 2)),
  );
  promiseState("ignores no signal", "ignored", []);
  promiseState("blocks no signal", "blocked", []);
  promiseState("is in the working directory, which is created", "directory", "/app/new/er");
  promiseState("owns the working directory", "directoryOwner", uid);

  promise("gets the arguments as the image has them", async (way) => {
    using dir = tempDir();
    const words = ["arguments", "", "a b", "--help", "\u00e9", "$HOME", "*"];
    const { stdout } = await ended(way, dir, { command: ["/app/probe", ...words] });
    const [name, ...rest] = stdout.split("\0").slice(0, -1);
    expect(name?.endsWith("/app/probe")).toBe(true);
    expect(rest).toEqual(words);
  });

  promise(
    "has the short name of a command from PATH",
    async (way) => {
      using dir = tempDir();
      const { stdout } = await ended(way, dir, {
        command: ["probe", "arguments"],
        env: { PATH: "/app" },
      });
      expect(stdout).toBe("probe\0arguments\0");
    },
    ({ loader }) => loader && "the only name that leads to the program is a long one",
  );

  promise(
    "has the environment that it is given and nothing else",
    async (way) => {
      using dir = tempDir();
      const { stdout } = await ended(way, dir, {
        command: ["/app/probe", "environment"],
        env: { LD_PRELOAD: "", ODD: "a b\n=c\u00e9", HOME: "/app" },
        serverEnvironment: { SECRET: "s3cret" },
      });
      const lines = stdout.split("\0").slice(0, -1);
      for (const line of ["SECRET=s3cret", "HOME=/app", "LD_PRELOAD=", "ODD=a b\n=c\u00e9"])
        expect(lines).toContain(line);
      const names = lines.map((line) => line.split("=", 1)[0]);
      expect(names.toSorted().join(" ")).toBe(
        "FASTMCP_HOST FASTMCP_PORT FASTMCP_STREAMABLE_HTTP_PATH FASTMCP_TRANSPORT HOME HOST LD_PRELOAD " +
          "MCP_HOST MCP_PATH MCP_PORT MCP_TRANSPORT ODD PATH PORT SECRET",
      );
    },
    ({ loader }) => loader && "it names files as this machine does",
  );
});

describe("a server's files", () => {
  promiseState("/dev/null takes writes", "null", 1);
  promiseState("/dev/shm takes files", "sharedMemory", 1);
  promiseState("/tmp takes everybody's files", "temporary", [1, "1777"]);
  promiseState("HOME takes files and is the server's", "home", [1, SERVER.uid]);
  promiseState("names are looked up", "localhost", "127.0.0.1");
  promiseState("time zones are the image's", "zone", ZONE.abbreviation, OWN_SYSTEM);
  promiseState("certificates are the image's", "certificates", CERTIFICATES, OWN_SYSTEM);
  promiseState("setuid and setgid bits are gone", "special", "755", UNPACKED_SO);
  promiseState("all of the tree is the server's", "owner", SERVER.uid, OWN_SYSTEM);

  for (const path of ["/etc/resolv.conf", "/etc/hosts"]) {
    promise(`${path} is the machine's`, async (way) => {
      using dir = tempDir();
      const { stdout } = await ended(way, dir, { command: ["/app/probe", "copy", path] });
      expect(stdout).toBe(readFileSync(path, "utf8"));
    });
  }

  promise(
    "nothing is written through an image's links",
    async (way) => {
      using dir = tempDir();
      const canary = dir.file("canary");
      writeFileSync(canary, "untouched");
      const root = prepared(way, dir);
      symlinkSync(canary, join(root, "etc/resolv.conf"));
      symlinkSync(canary, join(root, "etc/hosts"));
      symlinkSync(dir.path, join(root, "dev"));
      const command = ["/app/probe", "exit", "0"];
      const { stderr, status } = await run(dir, root, options(way, dir, { command }));
      expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
      expect(readFileSync(canary, "utf8")).toBe("untouched");
    },
    OWN_ROOT,
  );

  promise(
    "a root that is closed to its owner takes a working directory, and stays closed",
    async (way) => {
      using dir = tempDir();
      const root = prepared(way, dir);
      chmodSync(root, 0o555);
      const wanted = { command: STATE, workingDir: "/new/er" };
      const { stdout, stderr } = await run(dir, root, options(way, dir, wanted));
      expect(stderr).toBe("");
      const state = JSON.parse(stdout) as ServerState;
      expect(state.directory).toEndWith("/new/er");
      expect(state.home).toEqual([1, SERVER.uid]);
      expect(lstatSync(root).mode & 0o777).toBe(0o555);
    },
    OWN_ROOT,
  );
});

describe("a server's input and output", () => {
  promise("8 MB pass byte for byte, and their end is the server's end of file", async (way) => {
    using dir = tempDir();
    const megabytes = Array.from({ length: 128 }, () =>
      crypto.getRandomValues(new Uint8Array(65_536)),
    );
    const bytes = Buffer.concat([...megabytes, Buffer.from("odd")]);
    const child = started(way, dir, { command: ["/app/probe", "copy"], stdin: "pipe" });
    const output = new Response(child.stdout).arrayBuffer();
    // Bytes that wait in the pipe before the server exists are the server's.
    child.stdin?.write(bytes);
    await child.stdin?.end();
    expect(Buffer.from(await output).equals(bytes)).toBe(true);
    expect(await child.exited).toBe(0);
  });

  promise("stdout and stderr are two", async (way) => {
    using dir = tempDir();
    const { stdout, stderr } = await ended(way, dir, { command: ["/app/probe", "speak"] });
    expect({ stdout, stderr }).toEqual({ stdout: "to stdout\n", stderr: "to stderr\n" });
  });
});
