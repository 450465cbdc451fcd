// Shows both things that the runner does with a real MCP server from npm: it becomes the one that takes a port, and
// serves over HTTP the one that speaks stdio. A registry on loopback, the runner started as a user would, a real MCP
// client. Needs Node, but no root and no network.

import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { buildEverythingImage } from "../test/support/everything-image.ts";
import { startLoopbackRegistry } from "../test/support/loopback-registry.ts";
import { tempDir } from "../test/support/temp-dir.ts";
import { hostTarget } from "./build.ts";

type Runner = Bun.Subprocess<"ignore", "ignore", "pipe">;

const ROOT = join(import.meta.dir, "..");
const BINARY = join(ROOT, "dist", `fastmcp-runner-${hostTarget()}`);
const ANSWER_MS = 60_000;
const END_MS = 10_000;

async function main(): Promise<void> {
  step("Building the runner, and two images of a real MCP server from npm");
  build();
  using registry = startLoopbackRegistry({
    images: {
      "demo/everything:http": await buildEverythingImage("http"),
      "demo/everything:stdio": await buildEverythingImage("stdio"),
    },
  });
  await demonstrate(`${registry.host}/demo/everything:http`, useHandedOver);
  await demonstrate(`${registry.host}/demo/everything:stdio`, useServed);
}

/** Starts the runner on the image, has the server used, and ends it. */
async function demonstrate(
  image: string,
  use: (runner: Runner, port: string) => Promise<void>,
): Promise<void> {
  using work = tempDir("fastmcp-runner-demo-");
  const port = String(freePort());
  step(`IMAGE=${image} PORT=${port} MCP_ENV_GREETING=Ahoy fastmcp-runner`);
  const { PATH = "", HOME = "/" } = process.env;
  const settings = { IMAGE: image, PORT: port, MCP_ENV_GREETING: "Ahoy" };
  const runner: Runner = Bun.spawn([BINARY], {
    env: { PATH, HOME, WORK_DIR: work.path, ...settings },
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    await Promise.race([use(runner, port), unexpectedEnd(runner), tooLate()]);
    await stop(runner);
  } finally {
    runner.kill("SIGKILL");
    await runner.exited;
  }
}

function build(): void {
  const argv = [process.execPath, "scripts/build.ts", "--host"];
  const { exitCode, stderr } = Bun.spawnSync(argv, { cwd: ROOT, stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`the build failed:\n${stderr.toString()}`);
}

async function useHandedOver(runner: Runner, port: string): Promise<void> {
  show(await describeProcess(runner.pid));
  const client = await firstClient(port);
  show(await describeProcess(runner.pid));

  step("The server takes PORT, so the runner has become it");
  const { tools } = await client.listTools();
  show(`${tools.length} tools: ${tools.map(({ name }) => name).join(", ")}`);
  show(`echo: ${await call(client, "echo", { message: "Ahoy" })}`);
  const variables = JSON.parse(await call(client, "get-env", {})) as Record<string, string>;
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  show(`get-env: ${lines.sort().join(" ")}`);
  await client.close();
}

async function useServed(runner: Runner, port: string): Promise<void> {
  const clients = [await firstClient(port), await connect(port)];
  show(await describeProcess(runner.pid));

  step("The server speaks stdio, so the runner serves it: to each client a process of its own");
  const sums = clients.map((client) => call(client, "get-sum", { a: 2, b: 40 }));
  for (const sum of await Promise.all(sums)) show(`get-sum: ${sum}`);
  show(`/health: ${await health(port)}`);
  const page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
  show(`/: a page of ${page.length} characters, for whoever comes with a browser`);
  for (const client of clients) await client.close();
}

/** What it tells as soon as the runner has asked the server itself. */
async function health(port: string): Promise<string> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/health`);
    if (answer.ok) return await answer.text();
    await Bun.sleep(20);
  }
}

/** Waits for the server as any client would. */
async function firstClient(port: string): Promise<Client> {
  const started = performance.now();
  const client = await connect(port);
  show(`the server answers ${Math.round(performance.now() - started)} ms after the start`);
  return client;
}

async function stop(runner: Runner): Promise<void> {
  step("SIGTERM ends it");
  runner.kill("SIGTERM");
  const ended = await Promise.race([runner.exited, Bun.sleep(END_MS)]);
  if (ended === undefined) throw new Error(`SIGTERM did not end it within ${END_MS / 1000} s`);
  show(`process ${runner.pid} ${endOf(runner)}`);
}

async function connect(port: string): Promise<Client> {
  for (;;) {
    const client = new Client({ name: "demo", version: "1.0.0" });
    try {
      const url = new URL(`http://127.0.0.1:${port}/mcp`);
      await client.connect(new StreamableHTTPClientTransport(url));
      return client;
    } catch {
      // It does not listen yet.
      await Bun.sleep(20);
    }
  }
}

async function call(client: Client, name: string, input: Record<string, unknown>): Promise<string> {
  const { content } = await client.callTool({ name, arguments: input });
  return content.map((part) => (part.type === "text" ? part.text : part.type)).join("\n");
}

/** Passes the runner's log on, and fails with what it means when the runner ends. */
async function unexpectedEnd(runner: Runner): Promise<never> {
  let log = "";
  for await (const bytes of runner.stderr) {
    process.stderr.write(bytes);
    log += Buffer.from(bytes).toString();
  }
  await runner.exited;
  const why = log.includes("[RUN_MODE_UNAVAILABLE]")
    ? "No way to start a server works on this machine, for the reasons above:\nthe demo needs root, or user namespaces for ordinary users, made by unshare or bwrap."
    : "Its message is above.";
  throw new Error(`the runner ${endOf(runner)}. ${why}`);
}

async function tooLate(): Promise<never> {
  await Bun.sleep(ANSWER_MS);
  throw new Error(`the server did not answer within ${ANSWER_MS / 1000} s`);
}

function endOf({ exitCode, signalCode }: Runner): string {
  return signalCode === null ? `ended with status ${exitCode}` : `was ended by ${signalCode}`;
}

// Unlike /proc/PID/exe, these may be read by anyone. In the middle of an execve there is no command line.
async function describeProcess(pid: number): Promise<string> {
  const commandLine = () => readFileSync(`/proc/${pid}/cmdline`, "utf8").replace(/\0$/, "");
  while (commandLine() === "") await Bun.sleep(1);
  const [program = "", ...argv] = commandLine().split("\0");
  const [, user] = /^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return `process ${pid} is ${[basename(program), ...argv].join(" ")}, as user ${user}`;
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

try {
  await main();
  process.exit(0);
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
