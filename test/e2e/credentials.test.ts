// Credentials from where users have them, with both clients, against the real docker-registry: settings, files, helper
// programs. What is chosen is the same with either client, and none of it is ever shown.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.ts";
import { buildImage } from "../support/image-builder.ts";
import { type LoopbackRegistry, startLoopbackRegistry } from "../support/loopback-registry.ts";
import { needs, programProblem } from "../support/requirements.ts";
import { type RunnerEnd, runRunner } from "../support/runner.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";

const PASSWORD = "canary: pässword";
const ACCOUNT = { username: "reader", password: PASSWORD };
const GIVEN = { REGISTRY_USER: "reader", REGISTRY_PASSWORD: PASSWORD };
const IMAGE = buildImage({
  layers: [[{ path: "bin/hello", mode: 0o755 }]],
  config: { Cmd: ["/bin/hello"] },
});
const TEST_MS = 30_000;

let open: LoopbackRegistry;
let locked: DockerRegistry | undefined;

beforeAll(async () => {
  open = startLoopbackRegistry({ images: { "org/app:1": IMAGE } });
  if (programProblem("docker-registry") !== undefined) return;
  locked = await startDockerRegistry({ account: ACCOUNT });
  await locked.push("org/app:1", IMAGE);
});

afterAll(async () => {
  open[Symbol.dispose]();
  await locked?.[Symbol.asyncDispose]();
});

const encode = (text: string) => Buffer.from(text).toString("base64");

/** A home directory with docker's file in it. */
function homeWith(file: object): TempDir {
  const home = tempDir();
  mkdirSync(home.file(".docker"));
  writeFileSync(home.file(".docker/config.json"), JSON.stringify(file));
  return home;
}

/** A program that notes that it has been run, and then does as the script says. */
function helper(home: TempDir, name: string, script: string): { readonly PATH: string } {
  const path = home.file(`docker-credential-${name}`);
  const record = `tr '\\0' '\\n' < /proc/$$/environ >> ${home.file("environ")}; echo run >> ${home.file("runs")}`;
  writeFileSync(path, `#!/bin/sh\n${record}\n${script}\n`);
  chmodSync(path, 0o755);
  return { PATH: `${home.path}:${process.env["PATH"]}` };
}

describe.each(["crane", "builtin"])("%s", (client) => {
  const clients = client === "crane" ? ["crane"] : [];
  const run = needs("docker-registry", ...clients);

  async function inspect(
    host: string | undefined,
    environment: Record<string, string>,
  ): Promise<RunnerEnd> {
    const end = await runRunner({
      arguments: ["inspect"],
      environment: {
        IMAGE: `${host}/org/app:1`,
        REGISTRY_CLIENT: client,
        LOG_LEVEL: "debug",
        ...environment,
      },
    });
    expect(end.stderr).not.toContain("canary");
    expect(end.stderr).not.toContain(encode(`reader:${PASSWORD}`));
    expect(end.stdout).not.toContain("canary");
    expect(end.left).toEqual([]);
    return end;
  }

  const signedIn = ({ status, stdout, stderr }: RunnerEnd) => {
    expect(stderr).not.toContain("[");
    expect(stdout).toContain("/bin/hello");
    expect(status).toBe(0);
  };

  run(
    "signs in with a file",
    async () => {
      const entry = { auth: encode(`reader:${PASSWORD}`) };
      using home = homeWith({ auths: { [locked?.host ?? ""]: entry } });
      const end = await inspect(locked?.host, { HOME: home.path });
      expect(end.stderr).toContain(
        `signing in to ${locked?.host} with the credentials of ${home.file(".docker/config.json")}\n`,
      );
      signedIn(end);
    },
    TEST_MS,
  );

  run(
    "signs in with a helper, which is run once, by the runner, and not told the runner's secrets",
    async () => {
      using home = homeWith({ credsStore: "test" });
      const answer = JSON.stringify({ Username: "reader", Secret: PASSWORD });
      const path = helper(home, "test", `printf '%s' '${answer}'`);
      const environment = { ...path, HOME: home.path, MCP_ENV_TOKEN: "x" };
      signedIn(await inspect(locked?.host, environment));
      expect(readFileSync(home.file("runs"), "utf8")).toBe("run\n");
      const names = readFileSync(home.file("environ"), "utf8").trim().split("\n");
      expect(names.toSorted()).toEqual([`HOME=${home.path}`, `PATH=${path.PATH}`]);
    },
    TEST_MS,
  );

  run(
    "signs in with what is set before it looks into a file or runs a helper",
    async () => {
      using home = homeWith({ credsStore: "test" });
      const path = helper(home, "test", "exit 1");
      signedIn(await inspect(locked?.host, { ...GIVEN, ...path, HOME: home.path }));
      expect(existsSync(home.file("runs"))).toBe(false);
    },
    TEST_MS,
  );

  run(
    "tells of a helper that fails, and shows none of its words",
    async () => {
      using home = homeWith({ credsStore: "test" });
      const path = helper(home, "test", `echo '${PASSWORD}'; echo '${PASSWORD}' >&2; exit 1`);
      const { status, stderr } = await inspect(locked?.host, { ...path, HOME: home.path });
      expect(stderr).toContain("docker-credential-test, which ended with exit status 1");
      expect(stderr).toContain("[CREDENTIALS_UNREADABLE]");
      expect(status).toBe(2);
    },
    TEST_MS,
  );

  run(
    "is refused with a file's wrong password",
    async () => {
      using home = homeWith({ auths: { [locked?.host ?? ""]: { auth: encode("reader:canary") } } });
      const { stderr, status } = await inspect(locked?.host, { HOME: home.path });
      expect(stderr).toContain("[REGISTRY_DENIED]");
      expect(status).toBe(125);
    },
    TEST_MS,
  );

  run(
    "loses one line break at the end of a password, and no more",
    async () => {
      for (const end of ["\n", "\r\n"]) {
        const REGISTRY_PASSWORD = PASSWORD + end;
        signedIn(await inspect(locked?.host, { ...GIVEN, REGISTRY_PASSWORD }));
      }
      const REGISTRY_PASSWORD = `${PASSWORD}\n\n`;
      const { stderr } = await inspect(locked?.host, { ...GIVEN, REGISTRY_PASSWORD });
      expect(stderr).toContain("[REGISTRY_DENIED]");
    },
    TEST_MS,
  );

  for (const [name, entry] of [
    ["an identity token", { identitytoken: "canary-identity" }],
    ["a registry token", { registrytoken: "canary-registry" }],
  ] as const) {
    needs(...clients)(
      `signs in with ${name}`,
      async () => {
        using tokens = startTokenRegistry();
        using home = homeWith({ auths: { [tokens.host]: entry } });
        signedIn(await inspect(tokens.host, { HOME: home.path }));
      },
      TEST_MS,
    );
  }

  needs(...clients)(
    "pulls as nobody where a file has nothing for the registry",
    async () => {
      using home = homeWith({ auths: { "test.io": ACCOUNT } });
      const end = await inspect(open.host, { HOME: home.path });
      expect(end.stderr).not.toContain("signing in");
      signedIn(end);
    },
    TEST_MS,
  );

  needs(...clients)(
    "does not show what a registry quotes of a file's password",
    async () => {
      using echo = startLoopbackRegistry({
        intercept({ headers }) {
          const sent = headers.get("authorization");
          if (sent === null) {
            return new Response("", { status: 401, headers: { "www-authenticate": "Basic" } });
          }
          const decoded = Buffer.from(sent.replace("Basic ", ""), "base64").toString();
          const errors = [{ code: "DENIED", message: `${decoded} ${sent}` }];
          return Response.json({ errors }, { status: 403 });
        },
      });
      using home = homeWith({ auths: { [echo.host]: ACCOUNT } });
      const { stderr } = await inspect(echo.host, { HOME: home.path });
      expect(stderr).toContain("reader:(hidden)");
    },
    TEST_MS,
  );
});

// What other programs write, the runner reads; crane is the one that writes as docker does.
const LOGINS: readonly (readonly [string, readonly string[]])[] = [
  ["podman", ["login", "--tls-verify=false", "--password-stdin", "-u", "reader"]],
  ["skopeo", ["login", "--tls-verify=false", "--password-stdin", "-u", "reader"]],
  ["crane", ["auth", "login", "--password-stdin", "-u", "reader"]],
];

for (const [program, login] of LOGINS) {
  needs("docker-registry", program)(
    `what ${program} has signed in with is used`,
    async () => {
      using home = tempDir();
      const env = {
        HOME: home.path,
        XDG_CONFIG_HOME: home.file("cfg"),
        REGISTRY_AUTH_FILE: home.file("auth.json"),
      };
      const host = locked?.host ?? "";
      const child = Bun.spawn([program, ...login, host], {
        env: { ...env, PATH: process.env["PATH"] },
        stdin: new Blob([PASSWORD]),
        stderr: "pipe",
      });
      const [words, status] = await Promise.all([child.stderr.text(), child.exited]);
      expect({ status, words }).toEqual({ status: 0, words: expect.any(String) });
      const end = await runRunner({
        arguments: ["inspect"],
        environment: { ...env, IMAGE: `${host}/org/app:1` },
      });
      expect(end.stderr).toStartWith(
        `fastmcp-runner: signing in to ${host} with the credentials of `,
      );
      expect(end.status).toBe(0);
    },
    TEST_MS,
  );
}

test("a file that cannot be used is named before anything is asked", async () => {
  using home = homeWith([]);
  const { stderr, status } = await runRunner({
    arguments: ["inspect"],
    environment: { IMAGE: `${open.host}/org/app:1`, HOME: home.path },
  });
  expect(stderr).toContain(
    `the credentials file ${home.file(".docker/config.json")} is not written as docker and podman write it [CREDENTIALS_UNREADABLE]`,
  );
  expect(status).toBe(2);
});

test("doctor names where credentials come from, and reads none", async () => {
  using home = homeWith([]);
  const environment = { HOME: home.path, REGISTRY_USER: "reader" };
  const text = await runRunner({ arguments: ["doctor"], environment });
  const sources = ["--registry-user / REGISTRY_USER", home.file(".docker/config.json")];
  expect(text.stdout).toContain(`credentials      ${sources.join(", ")}\n`);
  const json = await runRunner({ arguments: ["doctor", "--json"], environment });
  expect(JSON.parse(json.stdout)).toMatchObject({ credentials: sources });
});

/** A registry that wants a token: its own, or one that its token service gives for an identity token. */
function startTokenRegistry(): { readonly host: string } & Disposable {
  const good = new Set(["Bearer canary-registry", "Bearer canary-access"]);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname, host } = new URL(request.url);
      if (pathname === "/token") {
        const form = new URLSearchParams(await request.text());
        const isGood = form.get("refresh_token") === "canary-identity";
        return Response.json({ access_token: "canary-access" }, { status: isGood ? 200 : 401 });
      }
      if (good.has(request.headers.get("authorization") ?? "")) {
        const accept = request.headers.get("accept") ?? "";
        return await fetch(`http://${open.host}${pathname}`, { headers: { accept } });
      }
      const challenge = `Bearer realm="http://${host}/token",service="test",scope="repository:org/app:pull"`;
      return new Response("", { status: 401, headers: { "www-authenticate": challenge } });
    },
  });
  return { host: `127.0.0.1:${server.port}`, [Symbol.dispose]: () => void server.stop(true) };
}
