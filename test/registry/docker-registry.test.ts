// Whole pulls from the real docker-registry, set up in the ways in which people run it, by both clients and by whoever
// asks: nobody, the account, and somebody with a wrong password.

import { afterAll, describe, expect } from "bun:test";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { configureLog } from "../../src/log.ts";
import { pullImage } from "../../src/pipeline.ts";
import { validatePull } from "../../src/stages/validate.ts";
import { flatDisk } from "../layers/flat-tree.ts";
import { createAuthority, type Wishes } from "../support/certificate-authority.ts";
import { startDockerRegistry, type DockerRegistryOptions } from "../support/docker-registry.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { buildImage, buildIndex } from "../support/image-builder.ts";
import { startProxy } from "../support/proxy-server.ts";
import { needs } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startTokenServer, type TokenServerOptions } from "../support/token-server.ts";

const ACCOUNT = { username: "somebody", password: "canary: pässword" };
const IMAGE = buildIndex([
  buildImage({ layers: [[{ path: "file", content: "content" }], [{ path: "above" }]] }),
]);
const TREE = {
  ".": "directory 755 @0",
  above: 'file 644 @0 ""',
  file: 'file 644 @0 "content"',
};
// crane tries again after one second and after three.
const SLOW_MS = 30_000;

const WHO = {
  nobody: {},
  "the account": { REGISTRY_USER: ACCOUNT.username, REGISTRY_PASSWORD: ACCOUNT.password },
  "a wrong password": { REGISTRY_USER: ACCOUNT.username, REGISTRY_PASSWORD: "canary-wrong" },
} as const;

/** Where an image is, and what the environment must say for it to be found. */
interface Place extends AsyncDisposable {
  readonly host: string;
  readonly environment?: Readonly<Record<string, string>>;
}

interface SetUp {
  readonly title: string;
  readonly start: () => Promise<Place>;
  readonly repository: string;
  /** What each gets: the image, or the error's code and part of its sentence. */
  readonly gets: Readonly<Record<keyof typeof WHO, "it" | readonly [string, string]>>;
}

const all = { nobody: "it", "the account": "it", "a wrong password": "it" } as const;
const members = {
  nobody: ["REGISTRY_DENIED", "no username and password were given"],
  "the account": "it",
  "a wrong password": ["REGISTRY_DENIED", "does not accept the given username and password"],
} as const;
const untrusted = ["REGISTRY_UNREACHABLE", "authority that is not trusted here"] as const;
const nobodyGets = { nobody: untrusted, "the account": untrusted, "a wrong password": untrusted };

const SET_UPS: readonly SetUp[] = [
  { title: "open to all", start: () => plain({}), repository: "org/app", gets: all },
  {
    title: "with htpasswd",
    start: () => plain({ account: ACCOUNT }),
    repository: "org/app",
    gets: members,
  },
  {
    title: "behind TLS, of an authority in REGISTRY_CA_FILE",
    start: () => encrypted({ account: ACCOUNT }, { isTrusted: true }),
    repository: "org/app",
    gets: members,
  },
  {
    title: "behind TLS on this machine, of an authority in certs.d",
    start: () => encryptedHere({ account: ACCOUNT }),
    repository: "org/app",
    gets: members,
  },
  {
    title: "behind TLS, of an authority that nobody has named",
    start: () => encrypted({}, { isTrusted: false }),
    repository: "org/app",
    gets: nobodyGets,
  },
  ...(["x5c", "kid"] as const).flatMap((header) =>
    (["rsa", "ec"] as const).map((key) => ({
      title: `with tokens that an ${key.toUpperCase()} key signs and ${header} names`,
      start: () => withTokens({ header }, { key }),
      repository: "org/app",
      gets: members,
    })),
  ),
  {
    title: "with tokens, of which some are for everybody",
    start: () => withTokens({ header: "x5c" }, {}),
    repository: "public/app",
    gets: { ...all, "a wrong password": members["a wrong password"] },
  },
];

configureLog({ level: "error", format: "text" });

for (const { title, start, repository, gets } of SET_UPS) {
  describe(`docker-registry, ${title},`, () => {
    let starting: Promise<Place> | undefined;
    const place = async () => {
      starting ??= start();
      return await starting;
    };
    afterAll(async () => (await starting)?.[Symbol.asyncDispose]());

    for (const client of ["builtin", "crane"] as const) {
      const run = needs("docker-registry", "openssl", ...(client === "crane" ? ["crane"] : []));
      for (const [who, outcome] of Object.entries(gets)) {
        const ends = outcome === "it" ? "gets the image" : "is refused";
        run(
          `${who} ${ends}, by ${client === "crane" ? "crane" : "the built-in client"}`,
          async () => {
            const { host, environment } = await place();
            const pull = pullBy({
              IMAGE: `${host}/${repository}:1`,
              REGISTRY_CLIENT: client,
              ...environment,
              ...WHO[who as keyof typeof WHO],
            });
            if (outcome === "it") expect(await pull).toEqual(TREE);
            else await expectRefused(pull, outcome[0], outcome[1]);
          },
          SLOW_MS,
        );
      }
    }
  });
}

async function pullBy(environment: Readonly<Record<string, string>>) {
  using directory = tempDir();
  const to = directory.file("root");
  const request = validatePull({
    image: undefined,
    flags: { to },
    serverArguments: [],
    environment: { PATH: process.env["PATH"], HOME: directory.path, ...environment },
  });
  await pullImage(request);
  return flatDisk(to);
}

async function plain(options: DockerRegistryOptions): Promise<Place> {
  const registry = await startDockerRegistry(options);
  await registry.push("org/app:1", IMAGE);
  return registry;
}

// Reached by a name that is not this machine's, through a proxy, since to loopback plain http is spoken.
async function encrypted(
  options: DockerRegistryOptions,
  { isTrusted }: { readonly isTrusted: boolean },
): Promise<Place> {
  const stack = new AsyncDisposableStack();
  const authority = stack.use(createAuthority());
  const registry = stack.use(await startDockerRegistry({ ...options, authority }));
  const proxy = stack.use(await startProxy());
  await registry.push("org/app:1", IMAGE);
  return {
    host: registry.host.replace("127.0.0.1", "registry.test"),
    environment: {
      HTTPS_PROXY: `http://${proxy.host}`,
      ...(isTrusted ? { REGISTRY_CA_FILE: authority.path } : {}),
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function encryptedHere(options: DockerRegistryOptions): Promise<Place> {
  const stack = new AsyncDisposableStack();
  const home = stack.use(tempDir());
  const authority = stack.use(createAuthority());
  const registry = stack.use(await startDockerRegistry({ ...options, authority }));
  await registry.push("org/app:1", IMAGE);
  const certificates = home.file(".config/containers/certs.d", registry.host);
  mkdirSync(certificates, { recursive: true });
  copyFileSync(authority.path, join(certificates, "ca.crt"));
  return {
    host: registry.host,
    environment: { HOME: home.path },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function withTokens(
  options: Pick<TokenServerOptions, "header">,
  wishes: Wishes,
): Promise<Place> {
  const stack = new AsyncDisposableStack();
  const identity = stack.use(createAuthority()).issue(wishes);
  const server = stack.use(startTokenServer({ ...options, account: ACCOUNT, identity }));
  const registry = stack.use(await startDockerRegistry({ tokens: { server, identity } }));
  await registry.push("org/app:1", IMAGE);
  await registry.push("public/app:1", IMAGE);
  const host = registry.host.replace("127.0.0.1", "localhost");
  return { host, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
