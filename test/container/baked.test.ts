// Baked images, by the Dockerfile that users copy: built with a password that must be nowhere afterwards, and started
// on a root of their own under Docker's default rules, as a platform starts them, and where nothing may be written.

import { beforeAll, describe, expect } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { buildEverythingImage } from "../support/everything-image.ts";
import { type BuiltImage, buildImage } from "../support/image-builder.ts";
import { startLoopbackRegistry } from "../support/loopback-registry.ts";
import { AS_ROOT, AS_USER, podman, podmanCommand, podmanMust } from "../support/podman.ts";
import {
  BUILD_MS,
  RUNNER_IMAGE,
  buildRunnerImage,
  canRunContainers,
  needsContainers,
} from "../support/runner-image.ts";
import { freePort } from "../support/runner.ts";
import { busyboxFiles, muslFiles } from "../support/runtime-files.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";

const ACCOUNT = { username: "reader", password: "canary-6f2b8a90-of-the-baked-test" };
const DIRECTORY = join(import.meta.dir, "../../docs/baked");
/** What the step that had the secrets leaves behind where it was built. */
const BUILD_STAGE = "localhost/fastmcp-runner-baked-build-stage";
const RUN_MS = 60_000;

const SAMPLES = {
  everything: buildEverythingImage,
  stdio: () => buildEverythingImage("stdio"),
  tools: () =>
    buildImage({
      layers: [
        [
          ...busyboxFiles(),
          { path: "etc/passwd", content: "me:x:999:999::/srv/me:/bin/sh\n" },
          { path: "usr/bin/su", content: "#!/bin/sh\n", mode: 0o4755 },
        ],
      ],
      config: {
        Entrypoint: ["/bin/busybox"],
        Cmd: [
          "sh",
          "-c",
          'echo "$$ $GREETING $PORT $MCP_PATH $HOME $LD_LIBRARY_PATH"; pwd; id -u; id -G',
        ],
        Env: ["GREETING=hello"],
        User: "me",
        WorkingDir: "/work/here",
      },
    }),
  alone: () =>
    buildImage({
      layers: [busyboxFiles().slice(0, 1)],
      config: { Entrypoint: ["/bin/busybox"], Cmd: ["echo", "alone"], WorkingDir: "/work" },
    }),
  musl: () => buildImage({ layers: [muslFiles()], config: { Entrypoint: ["hello"] } }),
} as const satisfies Record<string, () => BuiltImage | Promise<BuiltImage>>;
type Sample = keyof typeof SAMPLES;

const RUNNER = [
  "/.fastmcp-runner/loader",
  "--library-path",
  "/.fastmcp-runner/lib",
  "/.fastmcp-runner/fastmcp-runner",
];

/** The names under which they were pulled. */
const names = new Map<Sample, string>();

const needing = needsContainers();
const containerTest = (title: string, run: () => Promise<void>) => needing(title, run, RUN_MS);

beforeAll(async () => {
  if (!canRunContainers()) return;
  await buildRunnerImage();
  for (const sample of Object.keys(SAMPLES) as Sample[]) await build(sample);
}, BUILD_MS);

// The servers here speak for themselves, and not to clients.
const HANDED_OVER = "--env=SERVER_TRANSPORT=http";
const AS_ORDINARY = [...AS_USER, HANDED_OVER];

describe.each([
  ["root with Docker's default capabilities", [...AS_ROOT, "--user=0:0", HANDED_OVER]],
  ["1000:1000 without capabilities", AS_ORDINARY],
  ["1000:1000 with a root that may not be written", [...AS_ORDINARY, "--read-only"]],
] as const)("as %s", (_, rules) => {
  containerTest("a server from npm answers an MCP client", async () => {
    const port = freePort();
    const name = `fastmcp-runner-test-${port}`;
    const argv = ["run", `--name=${name}`, ...rules, `--env=PORT=${port}`, tagOf("everything")];
    const child = Bun.spawn(podmanCommand(...argv), { stdout: "ignore", stderr: "pipe" });
    try {
      const client = await connect(port, child);
      const { content } = await client.callTool({ name: "get-sum", arguments: { a: 2, b: 40 } });
      expect(JSON.stringify(content)).toContain("42");
      await client.close();
      // What its HEALTHCHECK runs.
      const health = await podman("exec", name, ...RUNNER, "healthcheck");
      expect(health.exitCode, health.stdout + health.stderr).toBe(0);
    } finally {
      await podman("kill", name);
      await child.exited;
    }
  });

  containerTest(
    "the server gets the contract's environment, its working directory and an ordinary user",
    async () => {
      const settings = ["--env=PORT=7001", "--env=MCP_PATH=/x", "--env=MCP_ENV_GREETING=ahoy"];
      const run = await podman("run", ...rules, ...settings, tagOf("tools"));
      expect(run.stdout, run.stderr).toBe("1 ahoy 7001 /x /srv/me \n/work/here\n1000\n1000\n");
      expect(run.stderr).toContain(`run mode baked: ${names.get("tools")} is this root already`);
    },
  );

  containerTest("no secret of the platform's reaches the server", async () => {
    // Some give a build's secrets to the container as well.
    const settings = ["REGISTRY_USER=me", `REGISTRY_PASSWORD=${ACCOUNT.password}`];
    const environment = settings.map((setting) => `--env=${setting}`);
    const script = "env; tr '\\0' '\\n' </proc/1/environ; tr '\\0' '\\n' </proc/1/cmdline";
    const argv = [...rules, ...environment, tagOf("tools"), "--", "sh", "-c", script];
    const run = await podman("run", ...argv);
    expect(run.stdout, run.stderr).toContain("GREETING=hello");
    expect(run.stdout + run.stderr).not.toMatch(/canary|REGISTRY_/);
  });

  containerTest("what follows -- takes the place of Cmd", async () => {
    const run = await podman("run", ...rules, tagOf("tools"), "--", "echo", "--help");
    expect(run.stdout, run.stderr).toBe("--help\n");
  });

  containerTest(
    "an image without any libraries starts, and one with another loader's",
    async () => {
      const alone = await podman("run", ...rules, tagOf("alone"));
      expect(alone.stdout, alone.stderr).toBe("alone\n");
      const musl = await podman("run", ...rules, tagOf("musl"));
      expect(musl.stdout, musl.stderr).toStartWith("hello from musl\n");
      // Its own loader and libraries, and not the runner's.
      expect(musl.stdout).not.toContain(".fastmcp-runner");
    },
  );
});

describe.each([
  ["with a tmpfs", ["--tmpfs=/tmp"]],
  ["without one", []],
] as const)("where nothing may be written, %s", (_, options) => {
  containerTest("a server on stdio is served over HTTP, its health included", async () => {
    const port = freePort();
    const name = `fastmcp-runner-test-${port}`;
    const settings = [`--env=PORT=${port}`, "--env=AUTH_TOKEN=canary-91d3"];
    const rules = [...AS_USER, "--read-only", ...options, ...settings];
    const argv = ["run", `--name=${name}`, ...rules, tagOf("stdio")];
    const child = Bun.spawn(podmanCommand(...argv), { stdout: "ignore", stderr: "pipe" });
    try {
      const clients = [await connect(port, child, "canary-91d3")];
      clients.push(await connect(port, child, "canary-91d3"));
      for (const client of clients) {
        const { content } = await client.callTool({ name: "get-sum", arguments: { a: 2, b: 40 } });
        expect(JSON.stringify(content)).toContain("42");
        await client.close();
      }
      const health = await podman("exec", name, ...RUNNER, "healthcheck");
      expect(health).toMatchObject({ exitCode: 0, stdout: "healthy: /health answered 200\n" });
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
    } finally {
      if (child.exitCode === null) await podman("kill", name);
      await child.exited;
    }
  });
});

containerTest(
  "the server's user owns the image's files and no others, and no setuid bit is left",
  async () => {
    // The mode of the root directory is the builder's.
    const files = "/bin /tmp /work/here /srv/me /usr/bin/su /.fastmcp-runner/image.json";
    const script = `stat -c "%u:%g %n" /; stat -c "%u:%g %a %n" ${files}`;
    const run = await podman("run", ...AS_ORDINARY, tagOf("tools"), "--", "sh", "-c", script);
    expect(run.stdout, run.stderr).toBe(
      `0:0 /
1000:1000 755 /bin
0:0 1777 /tmp
1000:1000 755 /work/here
1000:1000 755 /srv/me
1000:1000 755 /usr/bin/su
0:0 644 /.fastmcp-runner/image.json
`,
    );
  },
);

containerTest("no secret of the build is in any layer, of the build's stage neither", async () => {
  using directory = tempDir();
  // As it is, and as credential files and headers have it.
  const encoded = Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString("base64");
  const secrets = ["--regexp=canary-6f2b8a90", `--regexp=${encoded.slice(0, -4)}`];
  for (const tag of [tagOf("tools"), BUILD_STAGE]) {
    const file = directory.file("image.tar");
    await podmanMust("save", "--format=docker-archive", `--output=${file}`, tag);
    const found = Bun.spawnSync(["grep", "--text", "--only-matching", ...secrets, file]);
    // It would be found if it were there: what is there is.
    expect(Bun.spawnSync(["grep", "--text", "--quiet", "schemaVersion", file]).exitCode).toBe(0);
    expect(found.stdout.toString()).toBe("");
    rmSync(file);
  }
});

containerTest(
  "its user may execute the runner's loader and not read it, so that none of its own can look into it",
  async () => {
    const loader = "/.fastmcp-runner/loader";
    const script = `test -x ${loader} && ! test -r ${loader} && stat -c %u:%a ${loader}`;
    const run = await podman("run", ...AS_ORDINARY, tagOf("tools"), "--", "sh", "-c", script);
    expect(run.stdout, run.stderr).toBe("0:711\n");
  },
);

for (const missing of ["REGISTRY_USER", "REGISTRY_PASSWORD"]) {
  containerTest(
    `a build without the secret ${missing}, but with the other one, is refused`,
    async () => {
      using directory = tempDir();
      const secrets = secretsIn(directory).filter((option) => !option.includes(`id=${missing},`));
      const options = [...buildOptions("127.0.0.1:1/team/tools:1"), "--no-cache", ...secrets];
      const built = await podman("build", ...options, DIRECTORY);
      expect(built.exitCode).not.toBe(0);
      expect(built.stdout + built.stderr).toContain(missing);
      expect(built.stdout + built.stderr).toMatch(/INPUT_INVALID|CREDENTIALS_UNREADABLE/);
    },
  );
}

containerTest(
  "the image's name may be set as well, another one is refused, and RUN_MODE asks for it",
  async () => {
    const start = (...settings: string[]) =>
      podman("run", ...AS_ORDINARY, ...settings.map((one) => `--env=${one}`), tagOf("alone"));
    const same = await start(`IMAGE=${names.get("alone")}`, "RUN_MODE=baked");
    expect(same.stdout, same.stderr).toBe("alone\n");
    const other = await start("IMAGE=ghcr.io/org/other:1");
    expect(other.stderr).toContain(`but this root is ${names.get("alone")}, baked [INPUT_INVALID]`);
    expect(other.exitCode).toBe(2);
  },
);

containerTest("inspect and doctor describe the baked image", async () => {
  const inspect = await podman("run", ...AS_ORDINARY, tagOf("tools"), "inspect", "--json");
  expect(JSON.parse(inspect.stdout)).toMatchObject({
    image: names.get("tools"),
    user: "me",
    launch: { runMode: "baked", workingDirectory: "/work/here" },
  });
  const doctor = await podman("run", ...AS_ORDINARY, tagOf("tools"), "doctor");
  expect(doctor.stdout, doctor.stderr).toMatch(
    new RegExp(`^root +${names.get("tools")} \\(sha256:[0-9a-f]{64}\\), baked$`, "m"),
  );
  expect(doctor.stdout).toMatch(/^ +baked +works: this root is an image that was baked/m);
  expect(doctor.stdout).toMatch(/^run mode +baked, chosen by auto: this root is an image that/m);
  expect(doctor.stdout).not.toContain("WORK_DIR");
});

function tagOf(sample: Sample): string {
  return `localhost/fastmcp-runner-baked-${sample}`;
}

/** Runs the Dockerfile as its first lines say, with the image in a registry that asks for a password. */
async function build(sample: Sample): Promise<void> {
  using directory = tempDir();
  using registry = startLoopbackRegistry({
    images: { [`team/${sample}:1`]: await SAMPLES[sample]() },
    access: { scheme: "basic", account: ACCOUNT },
  });
  const name = `${registry.host}/team/${sample}:1`;
  names.set(sample, name);
  const options = [...buildOptions(name), ...secretsIn(directory)];
  await podmanMust("build", ...options, `--tag=${tagOf(sample)}`, DIRECTORY);
  if (sample !== "tools") return;
  await podmanMust("build", ...options, "--target=build", `--tag=${BUILD_STAGE}`, DIRECTORY);
}

function buildOptions(image: string): readonly string[] {
  return [
    "--isolation=chroot",
    "--network=host",
    "--pull=never",
    "--layers",
    `--build-arg=RUNNER=${RUNNER_IMAGE}`,
    `--build-arg=IMAGE=${image}`,
  ];
}

/** The options for the account, as files of a directory. */
function secretsIn(directory: TempDir): readonly string[] {
  const secrets = { REGISTRY_USER: ACCOUNT.username, REGISTRY_PASSWORD: ACCOUNT.password };
  return Object.entries(secrets).map(([id, content]) => {
    writeFileSync(directory.file(id), content);
    return `--secret=id=${id},src=${directory.file(id)}`;
  });
}

async function connect(
  port: number,
  child: Bun.Subprocess<"ignore", "ignore", "pipe">,
  token?: string,
) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended: ${await child.stderr.text()}`);
    const client = new Client({ name: "test", version: "1.0.0" });
    const url = new URL(`http://127.0.0.1:${port}/mcp`);
    try {
      await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
      return client;
    } catch {
      // It does not listen yet.
      await Bun.sleep(50);
    }
  }
}
