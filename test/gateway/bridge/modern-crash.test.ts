// The one process of 2026-07-28 that ends, hangs or never begins, and what its clients see of that.

import { describe, expect, test } from "bun:test";
import { tempDir } from "../../support/temp-dir.ts";
import { isAlive, until } from "../support/conditions.ts";
import { messagesOf, modernServer, serveModern, valueOf } from "./modern-support.ts";
import { scriptServer } from "./script-server.ts";

const CRASH = `if (method === "x/crash") process.exit(7); else if (method === "x/pid") text(id, process.pid);`;

describe("the end of the server", () => {
  test("is the answer to all that it had been asked", async () => {
    await using modern = serveModern(modernServer(CRASH));
    const waiting = modern.call("x/wait", { id: '"w"' });
    const response = await modern.call("x/crash", { id: "9" });
    const error = { code: -32603, message: "The server exited with status 7 before it answered." };
    expect([response.status, await response.json()]).toEqual([
      200,
      { jsonrpc: "2.0", id: 9, error },
    ]);
    expect(await (await waiting).json()).toEqual({ jsonrpc: "2.0", id: "w", error });
  });

  test("ends subscriptions, too, so that their clients subscribe anew", async () => {
    await using modern = serveModern(modernServer(CRASH));
    const next = messagesOf(
      await modern.call("subscriptions/listen", { params: { notifications: {} } }),
    );
    await next();
    await modern.call("x/crash");
    expect(JSON.parse(await next())).toMatchObject({ id: 1, error: { code: -32603 } });
    expect(await next()).toBe("");
  });

  test("is followed by a start for the next request, which notices nothing", async () => {
    await using server = modernServer(CRASH);
    await using modern = serveModern(server);
    const first = await valueOf(await modern.call("x/pid"));
    await modern.call("x/crash");
    const second = await valueOf(await modern.call("x/pid"));
    expect([first, second]).toEqual(server.children.map(({ pid }) => pid));
    expect(modern.endpoint.isLooping).toBe(false);
  });

  test("before it has answered anything keeps a request waiting for the one that does", async () => {
    using dir = tempDir();
    await using server = modernServer("text(id, 1);", endsAtFirst(2, dir.file("starts")));
    await using modern = serveModern(server);
    const probe = await modern.call("server/discover");
    expect(probe.status).toBe(200);
    expect(await probe.json()).toMatchObject({ result: { supportedVersions: ["2026-07-28"] } });
    expect(server.children.length).toBe(3);
  });

  test("again and again is told with the time to come back at", async () => {
    await using server = scriptServer("process.exit(1)");
    await using modern = serveModern(server);
    const response = await modern.call("x/pid");
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await response.json()).toMatchObject({ id: null, error: { code: -32000 } });
    expect(modern.endpoint.isLooping).toBe(true);
    expect(server.children.length).toBe(3);
  });
});

describe("a server that hangs", () => {
  test("from the start is ended when its time is over", async () => {
    await using server = scriptServer("serve(() => {});");
    await using modern = serveModern(server, { startTimeoutMs: 50 });
    const response = await modern.call("x/pid");
    expect(response.status).toBe(503);
    expect(modern.events.filter(({ type }) => type === "child-ended").length).toBe(3);
  });

  test("is not waited for when the gateway closes", async () => {
    await using server = modernServer("");
    await using modern = serveModern(server);
    const waiting = modern.call("x/wait");
    await valueOf(await modern.call("server/discover"));
    await modern.endpoint.close(10);
    expect(await (await waiting).json()).toMatchObject({ error: { code: -32603 } });
    expect(isAlive(server.children[0]?.pid ?? 0)).toBe(false);
    expect((await modern.call("x/pid")).status).toBe(503);
  });
});

describe("a server that does not read", () => {
  test("keeps nobody from leaving, and is ended with the gateway", async () => {
    const deaf = `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;
    await using server = modernServer(deaf);
    await using modern = serveModern(server);
    const leaving = new AbortController();
    const options = { params: { padding: "x".repeat(1_000_000) }, signal: leaving.signal };
    const calls = Array.from({ length: 20 }, () => modern.call("x/deaf", options));
    const settled = Promise.allSettled(calls);
    await until(() => modern.events.some(({ type }) => type === "child-started"));
    leaving.abort();
    for (const { status } of await settled) expect(status).toBe("rejected");
    await until(() => modern.events.some(({ type }) => type === "call-finished"));
    await modern.endpoint.close(0);
    expect(isAlive(server.children[0]?.pid ?? 0)).toBe(false);
  }, 20_000);
});

describe("closing", () => {
  test("lets an answer that is due come", async () => {
    await using modern = serveModern(modernServer(`setTimeout(() => text(id, "done"), 200);`));
    const waiting = modern.call("x/wait");
    await until(() => modern.events.some(({ type }) => type === "child-started"));
    await modern.endpoint.close(30_000);
    expect(await valueOf(await waiting)).toBe("done");
  });
});

/** A server that ends at once the first times that it is started. */
function endsAtFirst(times: number, file: string): string {
  return `const fs = require("node:fs"), starts = ${JSON.stringify(file)};
    fs.appendFileSync(starts, "x");
    if (fs.readFileSync(starts).length <= ${times}) process.exit(1);`;
}
