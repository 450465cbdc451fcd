// SIGTERM and SIGINT end the runner within a second at every stage, with its children and with all that it made.

import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { buildImage } from "../support/image-builder.ts";
import { startLoopbackRegistry } from "../support/loopback-registry.ts";
import { needs } from "../support/requirements.ts";
import { startRunner } from "../support/runner.ts";
import { tempDir } from "../support/temp-dir.ts";

const WITHIN_MS = 1_000;
const SIGNALS = [
  ["SIGTERM", 143],
  ["SIGINT", 130],
  ["SIGHUP", 129],
] as const;

/** Random bytes, so that the layer is as large on the wire. */
const many = Array.from({ length: 400 }, (_, index) => ({
  path: `usr/share/many/${index}/file`,
  content: crypto.getRandomValues(new Uint8Array(8_192)),
}));
const image = buildImage({ layers: [many, many.slice(0, 10)], config: { Cmd: ["/none"] } });

/** The part of the registry's answer after which a stage is sure to be under way. */
const STAGES = [
  ["fetch-config, at the manifest", /\/manifests\//, 0],
  ["fetch-config, at the config", /\/blobs\//, 0],
  ["extract, before the first layer", /\/blobs\//, 1],
  ["extract, between layers", /\/blobs\//, 2],
] as const;

describe.each(SIGNALS)("%s", (signal, status) => {
  test.each(STAGES)("in %s", async (_, path, number) => {
    const reached = Promise.withResolvers<void>();
    const never = new Promise<Response>(() => {});
    let seen = 0;
    using registry = startLoopbackRegistry({
      images: { "team/many:1": image },
      intercept: (request) => {
        if (!path.test(request.path) || seen++ < number) return undefined;
        reached.resolve();
        return never;
      },
    });
    await using runner = await startRunner({
      environment: {
        IMAGE: `${registry.host}/team/many:1`,
        PORT: "7860",
        REGISTRY_CLIENT: "builtin",
      },
    });
    await reached.promise;
    await expectEnd(runner, signal, status);
  });
});

test("in the middle of a layer", async () => {
  const reached = Promise.withResolvers<void>();
  const [layer = ""] = image.layers;
  const bytes = image.blobs.get(image.layers[0] ?? image.root.digest) ?? new Uint8Array();
  using registry = startLoopbackRegistry({
    images: { "team/many:1": image },
    intercept: (request) => {
      if (!request.path.endsWith(layer)) return undefined;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(bytes.subarray(0, bytes.length >> 1));
          reached.resolve();
        },
      });
      return new Response(body, { headers: { "content-length": String(bytes.length) } });
    },
  });
  await using runner = await startRunner({
    environment: {
      IMAGE: `${registry.host}/team/many:1`,
      PORT: "7860",
      REGISTRY_CLIENT: "builtin",
    },
  });
  await reached.promise;
  await expectEnd(runner, "SIGTERM", 143);
});

test("while the password's file is a pipe that nobody writes to", async () => {
  using dir = tempDir();
  Bun.spawnSync(["mkfifo", dir.file("password")]);
  await using runner = await startRunner({
    environment: {
      IMAGE: "127.0.0.1:1/team/many:1",
      PORT: "7860",
      REGISTRY_CLIENT: "builtin",
      REGISTRY_USER: "reader",
      REGISTRY_PASSWORD_FILE: dir.file("password"),
    },
  });
  // The directory of the run is made before, and the file opened right after.
  while (runner.left().length === 0) await Bun.sleep(10);
  await expectEnd(runner, "SIGTERM", 143);
});

test("a killed runner's credentials are gone with the next one", async () => {
  using dir = tempDir();
  const script =
    'cat >/dev/null; cd "$DOCKER_CONFIG"; echo $$ >new; mv new started; exec sleep 1000';
  writeFileSync(dir.file("crane"), `#!/bin/sh\n${script}\n`);
  chmodSync(dir.file("crane"), 0o755);
  const options = {
    environment: {
      IMAGE: "127.0.0.1:1/team/many:1",
      PORT: "7860",
      REGISTRY_CLIENT: "crane",
      REGISTRY_USER: "reader",
      REGISTRY_PASSWORD: "password",
      PATH: `${dir.path}:/usr/bin:/bin`,
    },
  };
  await using first = await startRunner(options);
  const secrets = () => first.left().filter((path) => path.includes("fastmcp-runner-auth-"));
  while (!secrets().some((path) => existsSync(`${path}/started`))) await Bun.sleep(10);
  const [left = ""] = secrets();
  const crane = Number(readFileSync(`${left}/started`, "utf8"));
  first.process.kill("SIGKILL");
  await first.process.exited;
  process.kill(crane, "SIGKILL");
  await using second = await startRunner(options);
  while (existsSync(left)) await Bun.sleep(10);
  await expectEnd(second, "SIGTERM", 143);
});

needs("nohup")("SIGHUP is nothing to a runner under nohup", async () => {
  const reached = Promise.withResolvers<void>();
  using registry = startLoopbackRegistry({
    intercept: () => {
      reached.resolve();
      return new Promise<Response>(() => {});
    },
  });
  await using runner = await startRunner({
    through: ["nohup"],
    environment: {
      IMAGE: `${registry.host}/team/many:1`,
      PORT: "7860",
      REGISTRY_CLIENT: "builtin",
    },
  });
  await reached.promise;
  runner.process.kill("SIGHUP");
  await expectEnd(runner, "SIGTERM", 143);
});

test("while crane hangs, crane and what it started end too", async () => {
  using dir = tempDir();
  writeFileSync(
    dir.file("crane"),
    `#!/bin/sh\nsleep 1000 & echo $! > ${dir.file("pid")}.new && mv ${dir.file("pid")}.new ${dir.file("pid")}\nwait\n`,
  );
  chmodSync(dir.file("crane"), 0o755);
  await using runner = await startRunner({
    environment: {
      IMAGE: "127.0.0.1:1/team/many:1",
      PORT: "7860",
      REGISTRY_CLIENT: "crane",
      REGISTRY_USER: "reader",
      REGISTRY_PASSWORD: "password",
      PATH: `${dir.path}:/usr/bin:/bin`,
    },
  });
  while (!(await Bun.file(dir.file("pid")).exists())) await Bun.sleep(10);
  const pid = (await Bun.file(dir.file("pid")).text()).trim();
  await expectEnd(runner, "SIGTERM", 143);
  // It has been killed, but the kernel may not have come round to it.
  while (!/^(?:gone|Z)/.test(stateOf(pid))) await Bun.sleep(10);
});

async function expectEnd(
  runner: Awaited<ReturnType<typeof startRunner>>,
  signal: NodeJS.Signals,
  status: number,
): Promise<void> {
  const sent = performance.now();
  runner.process.kill(signal);
  const end = await runner.end();
  expect(performance.now() - sent).toBeLessThan(WITHIN_MS);
  expect({ status: end.status, stdout: end.stdout, left: end.left }).toEqual({
    status,
    stdout: "",
    left: [],
  });
}

// One that init has not collected yet is as good as gone.
function stateOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1] ?? "";
  } catch {
    return "gone";
  }
}
