// A server that looks everywhere for the registry's password: its environment, every process that it may read, every
// file that it may read. It finds nothing, as root's successor and as an ordinary user's.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { buildImage } from "../support/image-builder.ts";
import { startLoopbackRegistry, type LoopbackRegistry } from "../support/loopback-registry.ts";
import {
  inspectionProblem,
  mountProblem,
  ORDINARY_USER,
  otherUserProblem,
  runModeProblem,
} from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { type RunnerEnd, type RunnerOptions, runRunner, startRunner } from "../support/runner.ts";
import { tempDir } from "../support/temp-dir.ts";

const SEARCH_MS = 60_000;
// Never whole in a file of the project or in a process but the runner's: the searcher gets it in two parts.
const CANARY = ["canary", Bun.randomUUIDv7("hex")] as const;
const PASSWORD = CANARY.join("-");

const SEARCH = `
needle="$1-$2"
# busybox's grep ends a line at a NUL, and an environment is full of them.
look() { tr '\\0' '\\n' <"$1" 2>/dev/null | grep -qF -e "$needle" && echo "FOUND in $1"; }
env | grep -qF -e "$needle" && echo "FOUND in the environment"
for process in /proc/[0-9]*; do
  look "$process/environ"
  # The searcher itself was given the needle in parts.
  look "$process/cmdline"
done
find / -path /proc -prune -o -path /sys -prune -o -path /dev -prune -o -type f -size -2000k -print 2>/dev/null |
  while read -r file; do look "$file"; done
for place in /dev/shm /run /tmp; do
  find "$place" -type f -print 2>/dev/null | while read -r file; do look "$file"; done
done
echo "searched $(ls -d /proc/[0-9]* | wc -l) processes and $(find / -xdev -type f 2>/dev/null | wc -l) files"
`;

let registry: LoopbackRegistry;
const programs = tempDir();

beforeAll(() => {
  chmodSync(programs.path, 0o755);
  const answer = `printf '{"Username":"reader","Secret":"%s-%s"}' ${CANARY.join(" ")}`;
  writeFileSync(programs.file("docker-credential-parts"), `#!/bin/sh\n${answer}\n`, {
    mode: 0o755,
  });
  writeFileSync(programs.file("config.json"), '{"credsStore":"parts"}');
  const crane = Bun.which("crane");
  if (crane !== null) copyFileSync(crane, programs.file("crane"));
  const busybox = Bun.which("busybox");
  if (busybox === null) return;
  const commands = ["sh", "env", "grep", "sed", "find", "ls", "wc", "tr"];
  const image = buildImage({
    layers: [
      [
        { path: "bin/busybox", source: busybox, mode: 0o755 },
        ...commands.map((name) => ({
          path: `bin/${name}`,
          type: "symlink" as const,
          target: "busybox",
        })),
        { path: "search", content: SEARCH },
      ],
    ],
    config: { Entrypoint: ["sh"], Env: ["PATH=/bin"] },
  });
  registry = startLoopbackRegistry({
    images: { "team/searcher:1": image },
    access: { scheme: "basic", account: { username: "reader", password: PASSWORD } },
  });
});

afterAll(() => {
  registry?.[Symbol.dispose]();
  programs[Symbol.dispose]();
});

const environment = (client: string, source: Readonly<Record<string, string>> = GIVEN) => ({
  IMAGE: `${registry.host}/team/searcher:1`,
  MCP_TRANSPORT: "stdio",
  REGISTRY_CLIENT: client,
  PATH: `${programs.path}:${process.env["PATH"]}`,
  ...source,
});

const GIVEN = { REGISTRY_USER: "reader", REGISTRY_PASSWORD: PASSWORD };
/** A helper has the password in two parts, as the searcher does: what it keeps is its own, what it says is ours. */
const SOURCES = { "that was set": GIVEN, "that a helper told": { DOCKER_CONFIG: programs.path } };

const isRoot = process.getuid?.() === 0;
const ordinaryProblem = isRoot ? otherUserProblem() : undefined;
/** Root's tests become another user, an ordinary user's are one. */
const ordinary = isRoot ? { user: ORDINARY_USER } : {};
const SUCCESSORS = [
  ["root's", {}, isRoot ? runModeProblem() : "needs root"],
  ["an ordinary user's", ordinary, ordinaryProblem ?? runModeProblem(ordinary.user)],
] as const;

const WAYS = ["crane", "builtin"].flatMap((client) =>
  Object.entries(SOURCES).map(([name, source]) => ({ client, name, source })),
);

describe.each(WAYS)("with $client and a password $name", ({ client, source }) => {
  const clientProblem = client === "crane" ? programProblem("crane") : undefined;

  for (const [name, options, problem] of SUCCESSORS) {
    unless(programProblem("busybox"), clientProblem, problem)(
      `${name} successor finds the password nowhere`,
      async () => {
        const { stdout, stderr, status } = await runRunner({
          arguments: ["--", "/search", ...CANARY],
          environment: environment(client, source),
          ...options,
        });
        expect(stderr).not.toContain(PASSWORD);
        expect(stdout).not.toContain("FOUND");
        // Without this line the search did not happen.
        expect(stdout).toMatch(/^searched \d+ processes and \d+ files$/m);
        expect(status).toBe(0);
      },
      SEARCH_MS,
    );
  }
});

// As root it has a /proc to search where there are mounts.
const searchProblem = isRoot ? mountProblem() : runModeProblem();

unless(programProblem("busybox"), searchProblem)(
  "what the search looks for, it finds",
  async () => {
    const { stdout } = await runRunner({
      arguments: ["--", "/search", ...CANARY],
      environment: { ...environment("builtin"), MCP_ENV_LEAK: PASSWORD },
    });
    expect(stdout).toContain("FOUND in the environment");
    expect(stdout).toMatch(/FOUND in \/proc\/\d+\/environ/);
  },
  SEARCH_MS,
);

describe.each(["crane", "builtin"])("a registry that quotes what %s sends it", (client) => {
  const problem = client === "crane" ? programProblem("crane") : undefined;
  for (const [format, padding] of [
    ["text", 0],
    ["json", 0],
    // The quotation is cut off inside the password.
    ["text", 130],
  ] as const) {
    unless(problem)(
      `is not quoted in the log: ${format}, after ${padding} characters`,
      async () => {
        using echo = startLoopbackRegistry({
          intercept({ headers }) {
            const sent = headers.get("authorization");
            if (sent === null) {
              return new Response("", { status: 401, headers: { "www-authenticate": "Basic" } });
            }
            const decoded = Buffer.from(sent.replace("Basic ", ""), "base64").toString();
            const message = `${"-".repeat(padding)}${decoded} ${sent}`;
            return Response.json({ errors: [{ code: "DENIED", message }] }, { status: 403 });
          },
        });
        const { stderr } = await runRunner({
          environment: {
            ...GIVEN,
            IMAGE: `${echo.host}/team/server:1`,
            PORT: "1",
            REGISTRY_CLIENT: client,
            LOG_LEVEL: "debug",
            LOG_FORMAT: format,
          },
        });
        expect(stderr).toContain("REGISTRY_DENIED");
        expect(stderr).toContain("reader:(hidden)");
        expect(stderr).not.toContain(CANARY[0]);
        expect(stderr).not.toContain(Buffer.from(`reader:${PASSWORD}`).toString("base64"));
      },
    );
  }
});

test("the signature of an address is not in the log, not at level debug", async () => {
  const large = { "x-large": "x".repeat(5_000_000) };
  using signing = startLoopbackRegistry({
    intercept: ({ path }) =>
      path === "/signed"
        ? new Response("", { headers: large })
        : new Response(null, { status: 307, headers: { location: `/signed?canary=${CANARY[1]}` } }),
  });
  const { stderr } = await runRunner({
    environment: {
      IMAGE: `${signing.host}/team/server:1`,
      PORT: "1",
      REGISTRY_CLIENT: "builtin",
      LOG_LEVEL: "debug",
    },
  });
  expect(stderr).toContain("/signed?…");
  expect(stderr).not.toContain("canary");
});

/** Starts a command that waits for an answer of `slow`'s, and has its environment looked at meanwhile. */
async function whileItWaits(
  command: (slow: LoopbackRegistry) => RunnerOptions,
  look: (process: number) => void,
): Promise<RunnerEnd> {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  using slow = startLoopbackRegistry({
    intercept: () => {
      asked.resolve();
      return answer.promise;
    },
  });
  await using runner = await startRunner({ ...command(slow), ...ordinary });
  await asked.promise;
  look(runner.process.pid);
  answer.resolve(new Response("", { status: 500 }));
  return await runner.end();
}

const COMMANDS: Readonly<Record<string, (slow: LoopbackRegistry) => RunnerOptions>> = {
  "while an image is pulled": ({ host }) => ({
    environment: { ...GIVEN, IMAGE: `${host}/team/server:1`, PORT: "1" },
  }),
  // A container's HEALTHCHECK has the container's whole environment.
  "during a healthcheck": ({ host }) => ({
    arguments: ["healthcheck"],
    environment: { ...GIVEN, MCP_HOST: "127.0.0.1", PORT: host.split(":")[1] },
  }),
};

describe.each(Object.keys(COMMANDS))("%s", (name) => {
  const command = COMMANDS[name] ?? (() => ({}));

  unless(ordinaryProblem)("another process of the runner's user may not read it", async () => {
    const { stderr } = await whileItWaits(command, (process) => {
      const user = isRoot ? { uid: ORDINARY_USER, gid: ORDINARY_USER } : {};
      const reader = Bun.spawnSync(["cat", `/proc/${process}/environ`], user);
      expect(reader.exitCode).not.toBe(0);
    });
    expect(stderr).not.toContain(PASSWORD);
  });

  unless(inspectionProblem())("root, who may, finds no password in its environment", async () => {
    await whileItWaits(command, (process) => {
      const text = readFileSync(`/proc/${process}/environ`, "latin1");
      expect(text).toContain("REGISTRY_USER=reader");
      expect(text).not.toContain(PASSWORD);
    });
  });
});
