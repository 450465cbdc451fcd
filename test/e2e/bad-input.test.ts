// What goes wrong in real life, each with its own error, its exit status, nothing on stdout and nothing left behind.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { type BuiltImage, buildImage, buildIndex, documentOf } from "../support/image-builder.ts";
import { type LoopbackRegistry, startLoopbackRegistry } from "../support/loopback-registry.ts";
import { mountProblem, runModeProblem } from "../support/privileges.ts";
import { unless } from "../support/requirements.ts";
import { freePort, runRunner } from "../support/runner.ts";
import { tempDir } from "../support/temp-dir.ts";

const ACCOUNT = { username: "reader", password: "right-password" };
// A registry that refuses connections may be about to start: it is asked five times, over 7.5 seconds at most.
const RETRIES_MS = 30_000;
const hello = [{ path: "bin/hello", content: "#!/bin/hello\n", mode: 0o755 }];

let open: LoopbackRegistry;
let locked: LoopbackRegistry;

beforeAll(() => {
  open = startLoopbackRegistry({ images: imagesThatDoNotRun() });
  locked = startLoopbackRegistry({
    images: { "team/server:1": buildImage({ layers: [hello] }) },
    access: { scheme: "bearer", account: ACCOUNT },
  });
});

afterAll(() => {
  open[Symbol.dispose]();
  locked[Symbol.dispose]();
});

type Environment = Readonly<Record<string, string | undefined>>;

async function expectFailure(
  environment: Environment,
  code: string,
  status: number,
  words: RegExp,
) {
  const {
    status: actual,
    stdout,
    stderr,
    left,
  } = await runRunner({
    environment: { PORT: "7860", REGISTRY_CLIENT: "builtin", ...environment },
  });
  expect(stderr).toContain(`[${code}]`);
  expect(stderr).toMatch(words);
  expect(stderr).toContain("hint: ");
  expect({ stdout, left, status: actual }).toEqual({ stdout: "", left: [], status });
}

describe("inputs", () => {
  test.each<[string, Environment, string, RegExp]>([
    ["no IMAGE", {}, "INPUT_INVALID", /IMAGE is required/],
    ["port 0", { IMAGE: "a", PORT: "0" }, "INPUT_INVALID", /--port \/ PORT must be .* not "0"/],
    ["port 65536", { IMAGE: "a", PORT: "65536" }, "INPUT_INVALID", /not "65536"/],
    ["port 80a", { IMAGE: "a", PORT: "80a" }, "INPUT_INVALID", /not "80a"/],
    ["no port", { IMAGE: "a", PORT: undefined }, "INPUT_INVALID", /PORT is required/],
    [
      "a user without a password",
      { IMAGE: "a", REGISTRY_USER: "me" },
      "INPUT_INVALID",
      /REGISTRY_USER is set but/,
    ],
    [
      "a password without a user",
      { IMAGE: "a", REGISTRY_PASSWORD: "p" },
      "INPUT_INVALID",
      /REGISTRY_PASSWORD is set but/,
    ],
    [
      "an unknown transport",
      { IMAGE: "a", MCP_TRANSPORT: "websocket" },
      "INPUT_INVALID",
      /streamable-http, sse, stdio/,
    ],
    ["an unknown run mode", { IMAGE: "a", RUN_MODE: "docker" }, "INPUT_INVALID", /auto, overlay/],
    [
      "an upper-case repository",
      { IMAGE: "ghcr.io/Org/Server" },
      "REFERENCE_INVALID",
      /upper.case|lower.case/,
    ],
    ["a URL", { IMAGE: "https://ghcr.io/org/server" }, "REFERENCE_INVALID", /https:\/\//],
    ["an empty tag", { IMAGE: "org/server:" }, "REFERENCE_INVALID", /tag/],
    ["a short digest", { IMAGE: "org/server@sha256:abc" }, "REFERENCE_INVALID", /digest/],
    ["a space", { IMAGE: "org/my server" }, "REFERENCE_INVALID", /./],
  ])("%s", (_, environment, code, words) => expectFailure(environment, code, 2, words));

  test("a password file that is missing", () =>
    expectFailure(
      { IMAGE: "a", REGISTRY_USER: "me", REGISTRY_PASSWORD_FILE: "/nonexistent/password" },
      "CREDENTIALS_UNREADABLE",
      2,
      /\/nonexistent\/password/,
    ));
});

describe("registries", () => {
  test(
    "one that is unreachable",
    () =>
      expectFailure(
        { IMAGE: `127.0.0.1:${freePort()}/a/b` },
        "REGISTRY_UNREACHABLE",
        125,
        /127\.0\.0\.1/,
      ),
    RETRIES_MS,
  );

  test("one whose name does not exist", () =>
    expectFailure(
      { IMAGE: "registry.invalid/a/b" },
      "REGISTRY_UNREACHABLE",
      125,
      /registry\.invalid/,
    ));

  test("a wrong password", () =>
    expectFailure(
      {
        IMAGE: `${locked.host}/team/server:1`,
        REGISTRY_USER: "reader",
        REGISTRY_PASSWORD: "wrong-canary",
      },
      "REGISTRY_DENIED",
      125,
      /^(?![^]*wrong-canary)/,
    ));

  test("a missing tag", () =>
    expectFailure(
      { IMAGE: `${open.host}/team/runs:none` },
      "IMAGE_NOT_FOUND",
      125,
      /team\/runs:none/,
    ));
});

describe("images", () => {
  test.each([
    ["only other platforms", "platforms:1", "PLATFORM_MISSING", 125, /linux\/s390x/],
    ["schema 1", "schema1:1", "IMAGE_UNSUPPORTED", 125, /schema 1/i],
    [
      "an artifact that is no image",
      "artifact:1",
      "IMAGE_UNSUPPORTED",
      125,
      /not a container image/,
    ],
    [
      "an index that is wrong about a manifest's size",
      "missized:1",
      "DIGEST_MISMATCH",
      125,
      /should have 7 bytes/,
    ],
    ["a layer whose bytes do not match", "corrupt:1", "DIGEST_MISMATCH", 125, /sha256:/],
    ["a layer that is cut off", "cut:1", "DIGEST_MISMATCH", 125, /./],
  ] as const)("%s", (_, image, code, status, words) =>
    expectFailure({ IMAGE: `${open.host}/team/${image}` }, code, status, words),
  );
});

describe("commands", () => {
  // How a command would be started is decided before it is looked for.
  const withRunMode = unless(runModeProblem());
  const commands = [
    ["none", "no-command:1", "COMMAND_MISSING", 125, /no command/],
    ["one that is not there", "no-such-command:1", "COMMAND_NOT_FOUND", 127, /\/bin\/absent/],
    ["one not executable", "not-executable:1", "COMMAND_NOT_RUNNABLE", 126, /\/bin\/plain/],
    ["a missing interpreter", "no-interpreter:1", "COMMAND_NOT_RUNNABLE", 126, /\/bin\/absent/],
    ["another machine's program", "foreign:1", "COMMAND_NOT_RUNNABLE", 126, /\/bin\/foreign/],
  ] as const;
  for (const [title, image, code, status, words] of commands) {
    withRunMode(title, () =>
      expectFailure({ IMAGE: `${open.host}/team/${image}` }, code, status, words),
    );
  }
});

describe("disks", () => {
  const withMounts = unless(mountProblem());

  withMounts("a full disk", async () => {
    using dir = tempDir();
    await withMount(["-t", "tmpfs", "-o", "size=1m", "tmpfs", dir.path], async () => {
      await expectFailure(
        { IMAGE: `${open.host}/team/large:1`, WORK_DIR: dir.path },
        "DISK_FULL",
        125,
        /./,
      );
      expect(await Array.fromAsync(new Bun.Glob("**").scan({ cwd: dir.path, dot: true }))).toEqual(
        [],
      );
    });
  });

  withMounts("a read-only work directory", async () => {
    using dir = tempDir();
    await withMount(["-t", "tmpfs", "-o", "ro", "tmpfs", dir.path], () =>
      expectFailure(
        { IMAGE: `${open.host}/team/large:1`, WORK_DIR: dir.path },
        "DISK_UNWRITABLE",
        125,
        /./,
      ),
    );
  });

  withMounts("a read-only destination of pull", async () => {
    using dir = tempDir();
    await withMount(["-t", "tmpfs", "-o", "ro", "tmpfs", dir.path], async () => {
      const { status, stderr } = await runRunner({
        arguments: ["pull", `${open.host}/team/large:1`, "--to", dir.file("out")],
        environment: { REGISTRY_CLIENT: "builtin" },
      });
      expect(stderr).toContain("[DESTINATION_UNUSABLE]");
      expect(status).toBe(2);
    });
  });
});

describe("crane", () => {
  const withCrane = async (script: string, run: (path: string) => Promise<void>) => {
    using dir = tempDir();
    mkdirSync(dir.file("bin"));
    writeFileSync(dir.file("bin", "crane"), `#!/bin/sh\n${script}\n`);
    chmodSync(dir.file("bin", "crane"), 0o755);
    await run(`${dir.file("bin")}:/usr/bin:/bin`);
  };
  const image = () => `${open.host}/team/runs:1`;

  test("missing, where it is asked for", () =>
    expectFailure(
      { IMAGE: image(), REGISTRY_CLIENT: "crane", PATH: "/nonexistent" },
      "CRANE_MISSING",
      125,
      /PATH/,
    ));

  test("failing", () =>
    withCrane("echo 'something broke' >&2; exit 1", (PATH) =>
      expectFailure(
        { IMAGE: image(), REGISTRY_CLIENT: "crane", PATH },
        "CRANE_FAILED",
        125,
        /something broke/,
      ),
    ));

  test("hanging", () =>
    withCrane("sleep 1000", (PATH) =>
      expectFailure(
        { IMAGE: image(), REGISTRY_CLIENT: "crane", REGISTRY_TIMEOUT: "1", PATH },
        "CRANE_FAILED",
        125,
        /1 s/,
      ),
    ));

  test("printing garbage", () =>
    withCrane("echo '<html>'", (PATH) =>
      expectFailure(
        { IMAGE: image(), REGISTRY_CLIENT: "crane", PATH },
        "REGISTRY_RESPONSE_INVALID",
        125,
        /./,
      ),
    ));
});

async function withMount(options: readonly string[], run: () => Promise<void>): Promise<void> {
  expect(Bun.spawnSync(["mount", ...options]).exitCode).toBe(0);
  try {
    await run();
  } finally {
    Bun.spawnSync(["umount", options.at(-1) ?? ""]);
  }
}

function imagesThatDoNotRun(): Readonly<Record<string, BuiltImage>> {
  const runs = buildImage({ layers: [hello], config: { Cmd: ["/bin/hello"] } });
  const withCommand = (content: string, mode: number, command: string) =>
    buildImage({
      layers: [[{ path: command.slice(1), content, mode }]],
      config: { Cmd: [command] },
    });
  const other = { architecture: process.arch === "arm64" ? "amd64" : "arm64" };
  return {
    "team/runs:1": runs,
    "team/platforms:1": buildIndex(
      ["linux/s390x", "windows/amd64"].map((platform) => buildImage({ layers: [hello], platform })),
    ),
    "team/schema1:1": withRoot("application/vnd.docker.distribution.manifest.v1+prettyjws", {
      schemaVersion: 1,
      name: "team/schema1",
      tag: "1",
      fsLayers: [],
      history: [],
    }),
    "team/artifact:1": buildImage({
      layers: [hello],
      manifest: { artifactType: "application/vnd.example.chart" },
    }),
    "team/no-command:1": buildImage({ layers: [hello] }),
    "team/no-such-command:1": buildImage({ layers: [hello], config: { Cmd: ["/bin/absent"] } }),
    "team/not-executable:1": withCommand("text", 0o644, "/bin/plain"),
    "team/no-interpreter:1": withCommand("#!/bin/absent\n", 0o755, "/bin/script"),
    "team/foreign:1": withCommand(foreignProgram(other.architecture), 0o755, "/bin/foreign"),
    "team/missized:1": missized(runs),
    "team/corrupt:1": withLayer(runs, (bytes) => bytes.with(bytes.length - 20, 0x5a)),
    "team/cut:1": withLayer(runs, (bytes) => bytes.subarray(0, bytes.length >> 1)),
    "team/large:1": buildImage({
      layers: [[{ path: "bin/large", content: new Uint8Array(4 << 20), mode: 0o755 }]],
      compression: "none",
      config: { Cmd: ["/bin/large"] },
    }),
  };
}

function missized(image: BuiltImage): BuiltImage {
  const index = buildIndex([image], { attestations: false });
  const { mediaType, digest } = image.root;
  const manifests = [{ mediaType, digest, size: 7 }];
  const root = documentOf(index.root.mediaType, { schemaVersion: 2, manifests });
  return { ...index, root, documents: new Map([...index.documents, [root.digest, root]]) };
}

function withRoot(mediaType: string, members: Readonly<Record<string, unknown>>): BuiltImage {
  const root = documentOf(mediaType, members);
  return {
    root,
    documents: new Map([[root.digest, root]]),
    blobs: new Map(),
    layers: [],
    platform: "",
  };
}

function withLayer(image: BuiltImage, change: (bytes: Uint8Array) => Uint8Array): BuiltImage {
  const [layer] = image.layers;
  const blobs = [...image.blobs].map(
    ([digest, bytes]) => [digest, digest === layer ? change(bytes) : bytes] as const,
  );
  return { ...image, blobs: new Map(blobs) };
}

// The first 64 bytes of an ELF executable without an interpreter.
function foreignProgram(architecture: string): string {
  const header = Buffer.alloc(64);
  header.write("\x7fELF\x02\x01\x01", "latin1");
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(architecture === "arm64" ? 183 : 62, 18);
  header.writeUInt32LE(1, 20);
  header.writeUInt16LE(64, 52);
  return header.toString("latin1");
}

test("an answer that cannot be written is no fault of the runner", async () => {
  const { status, stderr } = await runRunner({
    through: ["sh", "-c", 'exec "$@" >/dev/full', "sh"],
    arguments: ["--help"],
  });
  expect(stderr).toContain("[SYSTEM_CALL_FAILED]");
  expect(stderr).toContain("ENOSPC");
  expect(status).toBe(125);
});
