// The compiled runner started as its users start it, with an environment and a work directory of its own.

import { constants } from "node:os";
import { chmodSync, chownSync, readdirSync } from "node:fs";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { runnerBinary } from "./runner-binary.ts";
import { tempDir, type TempDir } from "./temp-dir.ts";

export interface RunnerOptions {
  readonly arguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Programs that start it. */
  readonly through?: readonly string[];
  /** Run as this user and group instead of the test's. */
  readonly user?: number;
  readonly stdin?: string;
}

export interface RunnerEnd {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What it left behind: in its work directory, and directories for credentials. */
  readonly left: readonly string[];
}

export interface StartedRunner extends AsyncDisposable {
  readonly process: Bun.Subprocess<"ignore" | Blob, "pipe", "pipe">;
  readonly workDirectory: string;
  /** Waits for the end. */
  end(): Promise<RunnerEnd>;
  left(): readonly string[];
}

const SECRET_PLACES = ["/dev/shm", "/run", "/tmp"];
const SECRET_PREFIX = "fastmcp-runner-auth-";

/** Starts the binary and does not wait. */
export async function startRunner(options: RunnerOptions = {}): Promise<StartedRunner> {
  const binary = await runnerBinary();
  const work = workDirectoryFor(options.user);
  const before = new Set(secretDirectories());
  const child = Bun.spawn([...(options.through ?? []), binary, ...(options.arguments ?? [])], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: "/nonexistent",
      WORK_DIR: work.path,
      // Most servers of the tests say nothing of themselves, and are to be handed the port.
      SERVER_TRANSPORT: "http",
      ...options.environment,
    },
    cwd: "/",
    stdin: options.stdin === undefined ? "ignore" : new Blob([options.stdin]),
    stdout: "pipe",
    stderr: "pipe",
    ...(options.user === undefined ? {} : { uid: options.user, gid: options.user }),
  });
  const stdout = child.stdout.text();
  const stderr = child.stderr.text();
  const left = () => [
    ...readdirSync(work.path),
    ...secretDirectories().filter((path) => !before.has(path)),
  ];
  return {
    process: child,
    workDirectory: work.path,
    left,
    async end() {
      await child.exited;
      const status = child.exitCode ?? 128 + signalNumber(child.signalCode);
      return { status, stdout: await stdout, stderr: await stderr, left: left() };
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      work[Symbol.dispose]();
    },
  };
}

/** Runs the binary to its end. */
export async function runRunner(options: RunnerOptions = {}): Promise<RunnerEnd> {
  await using runner = await startRunner(options);
  return await runner.end();
}

/** Connects an MCP client as soon as the server listens; fails when the runner ends before. */
export async function connectTo(port: number, runner: StartedRunner): Promise<Client> {
  for (;;) {
    const client = new Client({ name: "test", version: "1.0.0" });
    try {
      const url = new URL(`http://127.0.0.1:${port}/mcp`);
      await client.connect(new StreamableHTTPClientTransport(url));
      return client;
    } catch {
      if (runner.process.exitCode !== null || runner.process.signalCode !== null) {
        const { status, stderr } = await runner.end();
        throw new Error(`the runner ended with ${status}: ${stderr}`);
      }
      // It does not listen yet.
      await Bun.sleep(20);
    }
  }
}

/** A port that was free a moment ago. */
export function freePort(): number {
  using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  return server.port;
}

function workDirectoryFor(user: number | undefined): TempDir {
  const work = tempDir("fastmcp-runner-work-");
  if (user !== undefined) {
    chownSync(work.path, user, user);
    chmodSync(work.path, 0o700);
  }
  return work;
}

function secretDirectories(): readonly string[] {
  return SECRET_PLACES.flatMap((place) =>
    readdirSync(place)
      .filter((name) => name.startsWith(SECRET_PREFIX))
      .map((name) => `${place}/${name}`),
  );
}

function signalNumber(signal: NodeJS.Signals | number | null): number {
  if (typeof signal === "number") return signal;
  return signal === null ? 0 : constants.signals[signal];
}
