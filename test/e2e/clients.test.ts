// Clients that people use, with servers that people use, each in an image, with the compiled runner in front of it.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { chmodSync } from "node:fs";
import { clientV1, clientV2, type TestClient } from "../gateway/support/clients.ts";
import { layoutFiles, writeFiles } from "../support/disk-image.ts";
import { fastmcpPython } from "../support/fastmcp.ts";
import type { BuiltImage } from "../support/image-builder.ts";
import { runModeProblem } from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { connectTo, freePort, startRunner } from "../support/runner.ts";
import { buildFastmcpImage, buildNpmServerImage } from "../support/server-images.ts";
import { tempDir } from "../support/temp-dir.ts";

const RUN_MS = 90_000;
const fastmcp = await fastmcpPython();
const runProblem = runModeProblem();
const nodeProblem = programProblem("node", "ldd") ?? runProblem;

const CLIENTS = [clientV1, clientV2("legacy"), clientV2("auto")];
const SESSIONS = "2025-11-25";
const STATELESS = "2026-07-28";

interface Server {
  readonly problem: string | undefined;
  /** The revision that each of the clients comes to speak with it. */
  readonly revisions: readonly string[];
  build(): BuiltImage | Promise<BuiltImage>;
  /** What is asked of it. */
  use(client: TestClient): Promise<void>;
}

const SERVERS: Readonly<Record<string, Server>> = {
  "server-filesystem": {
    problem: nodeProblem,
    revisions: [SESSIONS, SESSIONS, SESSIONS],
    build: () => buildNpmServerImage("server-filesystem", { Cmd: ["/home/user"] }),
    async use(client) {
      const path = "/home/user/notes.txt";
      await client.call("write_file", { path, content: "Grüße" });
      expect(await client.call("read_text_file", { path })).toBe("Grüße");
      const outside = await client.call("read_text_file", { path: "/etc/passwd" });
      expect(outside).toContain("Access denied");
    },
  },
  "server-memory": {
    problem: nodeProblem,
    revisions: [SESSIONS, SESSIONS, SESSIONS],
    build: () =>
      buildNpmServerImage("server-memory", { Env: ["MEMORY_FILE_PATH=/home/user/memory.jsonl"] }),
    async use(client) {
      const entities = [{ name: "Ada", entityType: "person", observations: ["wrote programs"] }];
      await client.call("create_entities", { entities });
      expect(JSON.parse(await client.call("read_graph"))).toMatchObject({ entities });
    },
  },
  "a server that is written with FastMCP": {
    problem: fastmcp.problem ?? programProblem("ldd") ?? runProblem,
    revisions: [SESSIONS, SESSIONS, STATELESS],
    build: () => buildFastmcpImage(fastmcp.python ?? ""),
    async use(client) {
      const steps: number[] = [];
      const onprogress = ({ progress }: { readonly progress: number }) => steps.push(progress);
      expect(await client.call("count", { to: 3 }, { onprogress })).toBe("counted to 3");
      expect(steps).toEqual([1, 2, 3]);
      expect(await client.call("add", { a: 2, b: 3 })).toBe("5");
    },
  },
};

describe.each(Object.entries(SERVERS))("%s", (_, { problem, revisions, build, use }) => {
  const image = tempDir();

  beforeAll(async () => {
    if (problem !== undefined) return;
    writeFiles(image.path, layoutFiles({ image: await build() }));
    chmodSync(image.path, 0o755);
  }, RUN_MS);

  afterAll(() => image[Symbol.dispose]());

  unless(problem)(
    "is used through the runner by each client",
    async () => {
      const port = freePort();
      await using runner = await startRunner({
        environment: {
          IMAGE: `oci:${image.path}`,
          PORT: String(port),
          SERVER_TRANSPORT: "auto",
        },
      });
      await (await connectTo(port, runner)).close();
      const url = `http://127.0.0.1:${port}/mcp`;
      const spoken: (string | undefined)[] = [];
      for (const connect of CLIENTS) {
        await using client = await connect(url, { root: "file:///home/user" });
        spoken.push(client.revision);
        await use(client);
      }
      expect(spoken).toEqual([...revisions]);
      runner.process.kill("SIGTERM");
      const { status, left } = await runner.end();
      expect(left).toEqual([]);
      expect(status).toBe(0);
    },
    RUN_MS,
  );
});
