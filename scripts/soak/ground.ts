// The compiled runner in front of a server that costs next to nothing, from an image on disk.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { layoutFiles, writeFiles } from "../../test/support/disk-image.ts";
import { buildImage } from "../../test/support/image-builder.ts";
import { freePort } from "../../test/support/runner.ts";

export interface SoakRunner {
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  /** The name that only its servers have. */
  readonly serverName: string;
  /** What /metrics says of this gauge. */
  gauge(name: string): Promise<number>;
  /** Tells it to end, and returns its exit status. */
  end(): Promise<number | null>;
}

const SOURCE = join(import.meta.dir, "server.c");
const READY_MS = 60_000;

/** Seconds after which the runner ends sessions that nobody uses. */
export const IDLE_SECONDS = 1;
/** More than there ever are at once. */
const MAX_SESSIONS = 1_000;

/** Starts it in an empty directory, and waits until the server answers. */
export async function startSoakRunner(binary: string, directory: string): Promise<SoakRunner> {
  const serverName = `soak-${crypto.randomUUID().slice(0, 8)}`;
  const port = freePort();
  const child = Bun.spawn([binary], {
    cwd: "/",
    env: {
      PATH: process.env["PATH"] ?? "",
      IMAGE: imageOf(serverName, directory),
      WORK_DIR: directory,
      MCP_HOST: "127.0.0.1",
      PORT: String(port),
      SERVER_TRANSPORT: "stdio",
      SESSION_IDLE: String(IDLE_SECONDS),
      MAX_SESSIONS: String(MAX_SESSIONS),
      // Each crash is worth a warning.
      LOG_LEVEL: "error",
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const base = `http://127.0.0.1:${port}`;
  await untilReady(`${base}/health`, child);
  return {
    pid: child.pid,
    port,
    url: `${base}/mcp`,
    serverName,
    async gauge(name) {
      const text = await (await fetch(`${base}/metrics`)).text();
      return Number(new RegExp(`^fastmcp_runner_${name} (\\d+)$`, "m").exec(text)?.[1]);
    },
    async end() {
      child.kill("SIGTERM");
      return await child.exited;
    },
  };
}

function imageOf(serverName: string, directory: string): string {
  const program = join(directory, serverName);
  must(["musl-gcc", "-static", "-O2", "-Wall", "-Werror", "-o", program, SOURCE]);
  const image = buildImage({
    layers: [[{ path: serverName, content: readFileSync(program), mode: 0o755 }]],
    config: { Entrypoint: [`/${serverName}`] },
  });
  const layout = join(directory, "layout");
  writeFiles(layout, layoutFiles({ image, name: "1" }));
  return `oci:${layout}:1`;
}

async function untilReady(health: string, child: Bun.Subprocess): Promise<void> {
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the runner ended with ${child.exitCode}`);
    const ready = await fetch(health).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return;
    await sleep(20);
  }
  child.kill("SIGKILL");
  throw new Error(`the server does not answer within ${READY_MS / 1000} s`);
}

function must(argv: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...argv]);
  if (exitCode !== 0) throw new Error(`${argv[0]}: ${stderr.toString()}`);
}
