// The last resort as users meet it: the binary on a host where it finds no other way, with a real MCP server from npm.

import { describe, expect } from "bun:test";
import { chmodSync, chownSync, mkdirSync, statSync } from "node:fs";
import { buildEverythingImage } from "../support/everything-image.ts";
import { startLoopbackRegistry } from "../support/loopback-registry.ts";
import { ORDINARY_USER, otherUserProblem } from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { connectTo, freePort, type RunnerOptions, startRunner } from "../support/runner.ts";
import { tempDir } from "../support/temp-dir.ts";

const RUN_MS = 60_000;
const IS_ROOT = process.getuid?.() === 0;
const PARTS = programProblem("node", "ldd");

async function everything() {
  const registry = startLoopbackRegistry({
    images: { "team/everything:1": await buildEverythingImage() },
  });
  return { IMAGE: `${registry.host}/team/everything:1`, registry };
}

/** Starts it, asks it, ends it; returns what it wrote and what it left. */
async function answers(options: RunnerOptions) {
  const port = freePort();
  const environment = { ...options.environment, PORT: String(port) };
  await using runner = await startRunner({ ...options, environment });
  const mcp = await connectTo(port, runner);
  const { content } = await mcp.callTool({ name: "get-sum", arguments: { a: 2, b: 40 } });
  expect(JSON.stringify(content)).toContain("42");
  await mcp.close();
  runner.process.kill("SIGTERM");
  return await runner.end();
}

describe("a server from npm answers an MCP client", () => {
  unless(PARTS, IS_ROOT ? otherUserProblem() : undefined)(
    "by auto, as a user for whom nothing else works, and the log says so loudly",
    async () => {
      const { IMAGE, registry } = await everything();
      using _ = registry;
      const { stderr } = await answers({
        environment: { IMAGE, PATH: "/nonexistent" },
        ...(IS_ROOT ? { user: ORDINARY_USER } : {}),
      });
      expect(stderr).toContain("run mode loader: nothing better works here (overlay: ");
      expect(stderr).toContain("userns: unshare: not installed");
      expect(stderr).toContain("nothing separates the server from this machine");
    },
    RUN_MS,
  );

  unless(PARTS, IS_ROOT ? undefined : "needs root")(
    "as root, who becomes user 1000 for it",
    async () => {
      const { IMAGE, registry } = await everything();
      using _ = registry;
      using parent = tempDir();
      chmodSync(parent.path, 0o711);
      // As root's own is where none is named: made by the first run, and closed.
      const work = parent.file("work");
      mkdirSync(work, { mode: 0o700 });
      const { stderr } = await answers({
        environment: { IMAGE, RUN_MODE: "loader", WORK_DIR: work },
      });
      expect(stderr).toContain("user=1000:1000");
      expect(statSync(work).mode & 0o777).toBe(0o711);
    },
    RUN_MS,
  );

  unless(PARTS, IS_ROOT ? otherUserProblem() : undefined)(
    "from a copy of the cached tree, at every start",
    async () => {
      const { IMAGE, registry } = await everything();
      using _ = registry;
      using cache = tempDir();
      if (IS_ROOT) chownSync(cache.path, ORDINARY_USER, ORDINARY_USER);
      const options = {
        environment: { IMAGE, RUN_MODE: "loader", CACHE_DIR: cache.path },
        ...(IS_ROOT ? { user: ORDINARY_USER } : {}),
      };
      for (const _start of ["cold", "warm"]) {
        const { stderr } = await answers(options);
        expect(stderr).toContain(
          "the server gets a copy of the cached tree, because it could write",
        );
      }
    },
    RUN_MS,
  );
});
