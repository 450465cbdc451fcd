// A small image whose server tells what its process is and sees (witness-server.c), and what a client says to it.

import { join } from "node:path";
import { type BuiltImage, buildImage } from "./image-builder.ts";
import { programProblem } from "./requirements.ts";
import { tempDir } from "./temp-dir.ts";

/** What keeps it from being built here, if anything. */
export const WITNESS_PROBLEM = programProblem("gcc");

/** Compiles the server and builds the image around it. */
export function buildWitnessImage(): BuiltImage {
  using dir = tempDir();
  const program = dir.file("witness");
  const source = join(import.meta.dir, "witness-server.c");
  const { exitCode, stderr } = Bun.spawnSync(["gcc", "-static", "-O1", "-o", program, source]);
  if (exitCode !== 0) throw new Error(stderr.toString());
  return buildImage({
    layers: [
      [
        // As many images have it, which is nothing to root and keeps an ordinary user from its own tree.
        { path: "./", mode: 0o555 },
        { path: "tmp/", mode: 0o1777 },
        { path: "app/", uid: 1000, gid: 1000 },
        { path: "app/witness", content: new Uint8Array(Bun.mmap(program)), mode: 0o755 },
      ],
    ],
    config: { Entrypoint: ["/app/witness"], WorkingDir: "/app" },
  });
}

/** What the server's process is by its own account. */
export interface WitnessState {
  readonly pid: number;
  readonly user: string;
  readonly groups: number;
  readonly noNewPrivileges: number;
  readonly umask: string;
  readonly descriptors: string;
}

/** A session of its own with a server over HTTP. */
export interface WitnessSession {
  state(): Promise<WitnessState>;
  put(path: string, text: string): Promise<string>;
  get(path: string): Promise<string>;
  /** "yes", or why it cannot be read. */
  mayRead(path: string): Promise<string>;
  /** The PID of a process that the server starts and leaves alone. */
  startProcess(): Promise<number>;
  /** Ends it as a client does. */
  end(): Promise<number>;
}

/** Opens a session; throws what `fetch` throws, and where the answer is no session. */
export async function openWitnessSession(
  url: string,
  own: Readonly<Record<string, string>> = {},
): Promise<WitnessSession> {
  const headers = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    ...own,
  };
  const greeting = await post(url, headers, "initialize", {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "test", version: "1" },
  });
  await greeting.text();
  const session = greeting.headers.get("mcp-session-id");
  if (session === null) throw new Error(`no session: ${greeting.status}`);
  const inSession = { ...headers, "mcp-session-id": session };
  const call = async (name: string, path = "", text = "") => {
    const answer = await post(url, inSession, "tools/call", { name, arguments: { path, text } });
    const [, said] = /"text":"(.*?)"\}\]/.exec(await answer.text()) ?? [];
    if (said === undefined) throw new Error(`no answer: ${answer.status}`);
    return said;
  };
  return {
    async state() {
      const [pid, uid, gid, groups, noNewPrivileges, umask = "", descriptors = ""] = (
        await call("state")
      ).split(" ");
      return {
        pid: Number(pid),
        user: `${uid}:${gid}`,
        groups: Number(groups),
        noNewPrivileges: Number(noNewPrivileges),
        umask,
        descriptors,
      };
    },
    put: (path, text) => call("put", path, text),
    get: (path) => call("get", path),
    mayRead: (path) => call("open", path),
    startProcess: async () => Number(await call("start")),
    end: async () => (await fetch(url, { method: "DELETE", headers: inSession })).status,
  };
}

function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  method: string,
  params: Readonly<Record<string, unknown>>,
): Promise<Response> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  return fetch(url, { method: "POST", headers, body });
}
