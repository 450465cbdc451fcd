// A real MCP server with its Node in run mode proot, from a registry to a client, as an ordinary user and as root: what
// the tracer that is installed here is too old for must not be seen.

import { describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { buildEverythingImage } from "../support/everything-image.ts";
import { buildImage } from "../support/image-builder.ts";
import { startLoopbackRegistry } from "../support/loopback-registry.ts";
import { ORDINARY_USER, otherUserProblem } from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { connectTo, freePort, runRunner, startRunner } from "../support/runner.ts";

const RUN_MS = 60_000;
const IS_ROOT = process.getuid?.() === 0;
const parts = programProblem("proot", "busybox", "node");

const WHO = [
  {
    name: "an ordinary user",
    user: IS_ROOT ? ORDINARY_USER : undefined,
    problem: IS_ROOT ? otherUserProblem() : undefined,
  },
  { name: "root", user: undefined, problem: IS_ROOT ? undefined : "needs root" },
];

describe.each(WHO)("for $name", ({ name, user, problem }) => {
  const test = unless(parts, problem);
  const asUser = user === undefined ? {} : { user };

  test(
    "a server on Node answers a client, and nothing is left after SIGTERM",
    async () => {
      using registry = startLoopbackRegistry({
        images: { "team/everything:1": await buildEverythingImage() },
      });
      const port = freePort();
      await using runner = await startRunner({
        ...asUser,
        environment: {
          IMAGE: `${registry.host}/team/everything:1`,
          PORT: String(port),
          RUN_MODE: "proot",
          REGISTRY_CLIENT: "builtin",
        },
      });
      const client = await connectTo(port, runner);
      const { content } = await client.callTool({ name: "get-sum", arguments: { a: 2, b: 40 } });
      expect(JSON.stringify(content)).toContain("42");
      await client.close();
      const traced = childrenOf(runner.process.pid);
      expect(traced.length).toBe(1);
      runner.process.kill("SIGTERM");
      const { status, stderr } = await runner.end();
      expect(stderr).toContain("run mode proot: it was asked for, and proot traces it");
      expect(status).toBeOneOf([0, 143]);
      expect(traced.some((pid) => existsSync(`/proc/${pid}`))).toBe(false);
    },
    RUN_MS,
  );

  test(
    "the server's status is the runner's, and its files are gone with it, or left to the next run of root's",
    async () => {
      using registry = startLoopbackRegistry({ images: { "team/tool:1": toolImage() } });
      const environment = {
        IMAGE: `${registry.host}/team/tool:1`,
        MCP_TRANSPORT: "stdio",
        RUN_MODE: "proot",
        REGISTRY_CLIENT: "builtin",
      };
      const { status, stdout, left } = await runRunner({ ...asUser, environment });
      expect(stdout).toBe(
        IS_ROOT ? "1000:1000\n" : `${process.getuid?.()}:${process.getgid?.()}\n`,
      );
      expect(status).toBe(7);
      // Who started as root is nobody who may remove root's directory by then.
      expect(left.length).toBe(name === "root" ? 1 : 0);
    },
    RUN_MS,
  );
});

function childrenOf(pid: number): readonly string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
}

function toolImage() {
  const content = readFileSync(Bun.which("busybox") ?? "");
  const script = '#!/bin/busybox sh\necho "$(/bin/busybox id -u):$(/bin/busybox id -g)"\nexit 7\n';
  return buildImage({
    layers: [
      [
        { path: "bin/busybox", content, mode: 0o755 },
        { path: "serve", content: script, mode: 0o755 },
      ],
    ],
    config: { Entrypoint: ["/serve"] },
  });
}
