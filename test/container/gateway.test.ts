// Unchanged images whose servers speak stdio, in the container image, under Docker's default rules as root and as
// 1000:1000 without capabilities: real clients of both eras over HTTP, and the page in a real browser.

import { afterAll, describe, expect } from "bun:test";
import { chmodSync } from "node:fs";
import { browserProblem, closeBrowser, visit } from "../support/browser.ts";
import { clientV1, clientV2, type Connect } from "../gateway/support/clients.ts";
import { buildConformanceImage } from "../support/conformance-image.ts";
import { layoutFiles, writeFiles } from "../support/disk-image.ts";
import { buildEverythingImage } from "../support/everything-image.ts";
import { AS_ROOT, AS_USER, podman, podmanCommand } from "../support/podman.ts";
import { RUNNER_IMAGE, inRunnerContainers } from "../support/runner-image.ts";
import { freePort } from "../support/runner.ts";
import { tempDir } from "../support/temp-dir.ts";

const RUN_MS = 90_000;
const images = tempDir();
const containerTest = inRunnerContainers(async () => {
  writeFiles(
    images.file("everything"),
    layoutFiles({ image: await buildEverythingImage("stdio") }),
  );
  chmodSync(images.path, 0o755);
  writeFiles(images.file("both-eras"), layoutFiles({ image: await buildConformanceImage() }));
}, browserProblem());

afterAll(async () => {
  await closeBrowser();
  images[Symbol.dispose]();
});

const PLACES = [
  ["root", AS_ROOT],
  ["1000:1000 without capabilities", AS_USER],
] as const;

describe.each(PLACES)("as %s", (_, rules) => {
  containerTest(
    "a server with sessions is used by two clients, and tells on the page what it offers",
    async () => {
      await using container = start(rules, "everything");
      await container.healthy();
      const clients = await Promise.all([clientV1, clientV2("legacy")].map(container.connect));
      const sums = clients.map((client) => client.call("get-sum", { a: 2, b: 40 }));
      for (const sum of await Promise.all(sums)) expect(sum).toContain("42");
      for (const client of clients) await client[Symbol.asyncDispose]();

      await using page = await visit(container.url);
      await page.page.getByText("get-sum").first().waitFor();
      const health = await podman("exec", container.name, "fastmcp-runner", "healthcheck");
      expect(health.exitCode).toBe(0);
      expect(await container.terminate()).toEqual({ stdout: "", exitCode: 0 });
    },
    RUN_MS,
  );
});

containerTest(
  "as 1000:1000 without capabilities, a server of both eras is used by clients of both",
  async () => {
    await using container = start(AS_USER, "both-eras");
    await container.healthy();
    for (const [connect, revision] of [
      [clientV2({ pin: "2026-07-28" }), "2026-07-28"],
      [clientV2("auto"), "2026-07-28"],
      [clientV2("legacy"), "2025-11-25"],
    ] as const) {
      await using client = await container.connect(connect);
      expect(client.revision).toBe(revision);
      expect(await client.tools()).toContain("test_simple_text");
      expect(await client.call("test_simple_text")).not.toBe("");
    }
  },
  RUN_MS,
);

function start(rules: readonly string[], image: string) {
  const port = freePort();
  const name = `fastmcp-runner-gateway-${port}`;
  const child = Bun.spawn(
    podmanCommand(
      "run",
      `--name=${name}`,
      ...rules,
      `--volume=${images.path}:/images:ro`,
      `--env=IMAGE=oci:/images/${image}`,
      `--env=PORT=${port}`,
      RUNNER_IMAGE,
    ),
    { stdout: "pipe", stderr: "pipe" },
  );
  const stderr = child.stderr.text();
  const url = `http://127.0.0.1:${port}`;
  return {
    name,
    url: `${url}/`,
    connect: (connect: Connect) => connect(`${url}/mcp`),
    async healthy(): Promise<void> {
      for (;;) {
        if (child.exitCode !== null) throw new Error(`the container ended: ${await stderr}`);
        const answer = await fetch(`${url}/health`).catch(() => undefined);
        if (answer?.ok) return;
        await Bun.sleep(50);
      }
    },
    async terminate() {
      child.kill("SIGTERM");
      return { stdout: await child.stdout.text(), exitCode: await child.exited };
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) await podman("kill", name);
      await child.exited;
    },
  };
}
