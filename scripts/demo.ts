// Shows the main job: a registry on loopback, a sample MCP image, the runner started as a user would, and a real MCP
// client that calls the server. Needs no root and no network.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { startLoopbackRegistry } from "../test/support/loopback-registry.ts";
import { hostTarget } from "./build.ts";
import { buildSampleImage } from "./sample/image.ts";

const root = join(import.meta.dir, "..");
const binary = join(root, "dist", `fastmcp-runner-${hostTarget()}`);
const workDirectory = mkdtempSync(join(tmpdir(), "fastmcp-runner-demo-"));

try {
  await main();
} finally {
  rmSync(workDirectory, { recursive: true, force: true });
}

async function main(): Promise<void> {
  step("Building the runner and a sample MCP image");
  await build();
  using registry = startLoopbackRegistry({
    images: { "demo/sample:1.0": await buildSampleImage() },
  });
  const port = freePort();
  const image = `${registry.host}/demo/sample:1.0`;

  step(`IMAGE=${image} PORT=${port} MCP_ENV_GREETING=Ahoy fastmcp-runner`);
  const started = performance.now();
  await using runner = Bun.spawn([binary], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: process.env["HOME"] ?? "/",
      IMAGE: image,
      PORT: String(port),
      MCP_ENV_GREETING: "Ahoy",
      WORK_DIR: workDirectory,
      REGISTRY_CLIENT: "builtin",
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const client = await connect(port, runner);
  show(`the server answers ${Math.round(performance.now() - started)} ms after the start`);

  step("A client lists the tools and calls them");
  const { tools } = await client.listTools();
  show(`tools: ${tools.map(({ name, description }) => `${name} (${description})`).join(", ")}`);
  show(`greet: ${await call(client, "greet", { name: "world" })}`);
  const where = JSON.parse(await call(client, "where", {})) as Record<string, unknown>;
  for (const [key, value] of Object.entries(where)) show(`${key}: ${JSON.stringify(value)}`);
  show(`the runner was process ${runner.pid}: it has become the server`);
  await client.close();

  step("SIGTERM goes straight to the server");
  runner.kill("SIGTERM");
  await runner.exited;
  show(`it ended: ${runner.signalCode ?? `exit status ${runner.exitCode}`}`);
  if (where["pid"] !== runner.pid)
    throw new Error("the server is not the process that was started");
}

async function build(): Promise<void> {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "scripts/build.ts", "--host"], {
    cwd: root,
  });
  if (exitCode !== 0) throw new Error(`the build failed:\n${stderr.toString()}`);
}

async function connect(port: number, runner: Bun.Subprocess): Promise<Client> {
  const url = new URL(`http://127.0.0.1:${port}/mcp`);
  for (;;) {
    if (runner.exitCode !== null)
      throw new Error(`the runner ended with status ${runner.exitCode}`);
    const client = new Client({ name: "demo", version: "1.0.0" });
    try {
      await client.connect(new StreamableHTTPClientTransport(url));
      return client;
    } catch {
      await Bun.sleep(50);
    }
  }
}

async function call(client: Client, name: string, input: Record<string, unknown>): Promise<string> {
  const { content } = await client.callTool({ name, arguments: input });
  return content.map((part) => (part.type === "text" ? part.text : part.type)).join("\n");
}

function freePort(): number {
  using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  return server.port;
}

function step(text: string): void {
  console.log(`\n\u001b[1m▸ ${text}\u001b[0m`);
}

function show(text: string): void {
  console.log(`  ${text}`);
}
