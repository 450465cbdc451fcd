import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { GatewayEvent } from "../../../src/gateway/events.ts";
import type { Front } from "../../../src/gateway/front/front.ts";
import { openProxy } from "../../../src/gateway/proxy/proxy.ts";
import type { Phase } from "../../../src/gateway/status.ts";
import { freePort } from "../../../src/system/free-port.ts";
import { isListenedOn, portsOfSession } from "../../../src/system/listening.ts";
import { startServerChild } from "../../../src/system/server-child.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { localFront } from "../support/local-front.ts";

const SERVER = join(import.meta.dir, "proxied-server.ts");

interface Proxied extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly events: readonly GatewayEvent[];
  readonly phases: readonly Phase[];
  readonly output: readonly string[];
}

function proxyTo(
  argv: (port: number) => readonly string[],
  { startTimeoutMs = 10_000, isGuarded = false } = {},
): Proxied {
  const port = freePort();
  const events: GatewayEvent[] = [];
  const phases: Phase[] = [];
  const output: string[] = [];
  const program = {
    argv: argv(port),
    env: { PATH: Bun.env["PATH"] ?? "", BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" },
    maxLineBytes: 1_000_000,
    onStderr() {},
  };
  const front: Front = localFront();
  front.serve(
    openProxy({
      start: (options) => startServerChild(program, options),
      port,
      isGuarded,
      startTimeoutMs,
      isListenedOn,
      portsOf: portsOfSession,
      askHealth: () => Promise.resolve(true),
      onEvent: (event) => events.push(event),
      onPhase: (phase) => phases.push(phase),
      onOutput: (_, line) => output.push(line),
    }),
  );
  return {
    url: `http://127.0.0.1:${front.port}`,
    port,
    events,
    phases,
    output,
    [Symbol.asyncDispose]: () => front.close(0),
  };
}

describe("a server with a port of its own", () => {
  let proxied: Proxied;
  beforeAll(() => {
    proxied = proxyTo((port) => [process.execPath, SERVER, String(port)]);
  });
  afterAll(() => proxied[Symbol.asyncDispose]());

  test("gets requests as they are, from nobody but loopback", async () => {
    const response = await fetch(`${proxied.url}/asked?a=1&b=%20`, {
      method: "PUT",
      body: "a body",
      headers: {
        authorization: "Bearer of-the-server",
        origin: proxied.url,
        "mcp-session-id": "s",
        connection: "x-hop",
        "x-hop": "1",
      },
    });
    const asked = (await response.json()) as { headers: Record<string, string> };
    expect(asked).toMatchObject({ method: "PUT", url: "/asked?a=1&b=%20", body: "a body" });
    expect(asked.headers).toMatchObject({
      host: `127.0.0.1:${proxied.port}`,
      "mcp-session-id": "s",
    });
    expect(asked.headers["authorization"]).toBe("Bearer of-the-server");
    expect(asked.headers).not.toHaveProperty("origin");
    expect(asked.headers).not.toHaveProperty("x-hop");
  });

  test("answers with its own status, redirects and encodings", async () => {
    const moved = await fetch(`${proxied.url}/moved`, { redirect: "manual" });
    expect([moved.status, moved.headers.get("location")]).toEqual([307, "/asked"]);
    expect((await fetch(`${proxied.url}/nowhere`)).status).toBe(404);
    const packed = await fetch(`${proxied.url}/packed`);
    expect(packed.headers.get("content-encoding")).toBe("gzip");
    expect(await packed.text()).toBe("packed");
  });

  test.each([
    ["HEAD", "/packed", 200],
    ["GET", "/unchanged", 304],
    ["DELETE", "/nothing", 204],
  ])("answers %s %s with headers alone", async (method, path, status) => {
    const response = await fetch(`${proxied.url}${path}`, { method });
    expect([response.status, await response.text()]).toEqual([status, ""]);
    const own = await fetch(`http://127.0.0.1:${proxied.port}${path}`, { method });
    expect(response.headers.get("content-length")).toBe(own.headers.get("content-length"));
  });

  test("gets a body that is empty", async () => {
    const response = await fetch(`${proxied.url}/asked`, { method: "POST", body: "" });
    expect(await response.json()).toMatchObject({ method: "POST", body: "" });
  });

  test("streams, and hears when the client has left", async () => {
    const leaving = new AbortController();
    const response = await fetch(`${proxied.url}/stream`, { signal: leaving.signal });
    const reader = response.body?.getReader();
    const { value } = (await reader?.read()) ?? {};
    expect(new TextDecoder().decode(value)).toBe("data: first\n\n");
    leaving.abort();
    while ((await (await fetch(`${proxied.url}/gone`)).text()) !== "1") await Bun.sleep(10);
  });

  test("takes five megabytes and gives them back", async () => {
    const body = "x".repeat(5_000_000);
    const response = await fetch(`${proxied.url}/asked`, { method: "POST", body });
    expect(((await response.json()) as { body: string }).body).toBe(body);
  });

  test("speaks WebSocket: text, bytes, and the end with its reason", async () => {
    const socket = new WebSocket(`${proxied.url.replace("http", "ws")}/socket`, ["mcp"]);
    socket.binaryType = "arraybuffer";
    const messages = messagesOf(socket);
    await new Promise((resolve) => socket.addEventListener("open", resolve));
    expect(socket.protocol).toBe("mcp");
    socket.send("hello");
    expect(await messages()).toBe("hello");
    socket.send(new Uint8Array([1, 2, 3]));
    expect(new Uint8Array((await messages()) as ArrayBuffer)).toEqual(new Uint8Array([1, 2, 3]));
    const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener("close", resolve));
    socket.send("leave");
    expect(await closed).toMatchObject({ code: 4001, reason: "asked to" });
  });

  test("refuses a WebSocket where it knows none", async () => {
    const socket = new WebSocket(`${proxied.url.replace("http", "ws")}/asked`);
    await new Promise((resolve) => socket.addEventListener("close", resolve));
  });

  test("is started again when it ends, and requests wait for it", async () => {
    await fetch(`${proxied.url}/die`, { method: "POST" }).catch(() => {});
    while (proxied.events.filter(({ type }) => type === "child-ended").length === 0)
      await Bun.sleep(5);
    const response = await fetch(`${proxied.url}/nowhere`);
    expect([response.status, await response.text()]).toEqual([404, "not here"]);
    expect(proxied.output.filter((line) => line.startsWith("listening"))).toHaveLength(2);
  });
});

test("a server does not see the token that clients show the runner", async () => {
  const command = (port: number) => [process.execPath, SERVER, String(port)];
  await using proxied = proxyTo(command, { isGuarded: true });
  const headers = { authorization: "Bearer of-the-runner" };
  const response = await fetch(`${proxied.url}/asked`, { headers });
  const asked = (await response.json()) as { headers: Record<string, string> };
  expect(asked.headers).not.toHaveProperty("authorization");
});

test("a server that keeps ending is told as failing, and its requests are answered", async () => {
  await using proxied = proxyTo(() => ["/bin/false"]);
  while (!proxied.phases.some(({ state }) => state === "failing")) await Bun.sleep(5);
  expect(proxied.phases.at(-1)).toMatchObject({
    state: "failing",
    reason: expect.stringContaining("exited with status 1, 3 times so far"),
  });
  const response = await fetch(`${proxied.url}/mcp`, { method: "POST" });
  expect(response.status).toBe(503);
  expect(response.headers.get("retry-after")).toBe("5");
  expect(await response.text()).toContain("exited with status 1");
});

test("a server that listens somewhere else is told as failing, with the port", async () => {
  const elsewhere = freePort();
  await using proxied = proxyTo(() => [process.execPath, SERVER, String(elsewhere)], {
    startTimeoutMs: 2_000,
  });
  const response = await fetch(`${proxied.url}/mcp`, { method: "POST" });
  expect(response.status).toBe(503);
  expect(proxied.phases).toEqual([
    { state: "failing", reason: expect.stringContaining(`2 s, but on ${elsewhere}: TARGET_PORT`) },
  ]);
});

test("a server that listens late is served from then on", async () => {
  using dir = tempDir();
  const wait = `while [ ! -e ${dir.file("go")} ]; do sleep 0.02; done`;
  await using proxied = proxyTo(
    (port) => ["/bin/sh", "-c", `${wait}; exec ${process.execPath} ${SERVER} ${port}`],
    { startTimeoutMs: 100 },
  );
  expect((await fetch(`${proxied.url}/nowhere`)).status).toBe(503);
  writeFileSync(dir.file("go"), "");
  while (proxied.phases.at(-1)?.state !== "serving") await Bun.sleep(5);
  const response = await fetch(`${proxied.url}/nowhere`);
  expect([response.status, await response.text()]).toEqual([404, "not here"]);
});

function messagesOf(socket: WebSocket): () => Promise<unknown> {
  const waiting: unknown[] = [];
  let tell = () => {};
  socket.addEventListener("message", ({ data }) => {
    waiting.push(data);
    tell();
  });
  return async () => {
    while (waiting.length === 0) await new Promise<void>((resolve) => (tell = resolve));
    return waiting.shift();
  };
}
