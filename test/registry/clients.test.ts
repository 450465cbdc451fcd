// What both clients promise, against registries of both kinds: one table.

import { describe, expect, test } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { createBuiltin } from "../../src/registry/builtin.ts";
import { createCrane } from "../../src/registry/crane.ts";
import type { PasswordCredentials } from "../../src/registry/credentials.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { descriptorOf } from "../support/descriptor-of.ts";
import { startDockerRegistry } from "../support/docker-registry.ts";
import { fastClock } from "../support/fast-clock.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { buildImage, buildIndex, type BuiltImage } from "../support/image-builder.ts";
import {
  startLoopbackRegistry,
  type LoopbackRegistryOptions,
} from "../support/loopback-registry.ts";
import { needs } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";

const PASSWORD = "canary: pässword";
const ACCOUNT: PasswordCredentials = { username: "somebody", password: PASSWORD };
const STALL_MS = 10_000;
// crane tries again after one second and after three when a registry is busy.
const SLOW_MS = 30_000;

const RANDOM = Buffer.alloc(3_000_000, crypto.getRandomValues(new Uint8Array(65_536)));
const IMAGE = buildImage({ layers: [[{ path: "file", content: RANDOM }]], compression: "none" });
const OTHER = buildImage({
  layers: [[{ path: "other" }]],
  platform: "linux/s390x",
  format: "docker",
});
const INDEX = buildIndex([IMAGE, OTHER]);
const IMAGES = { "org/app:1": IMAGE, "org/app:docker": OTHER, "org/app:all": INDEX };
const LAYER = IMAGE.layers[0] ?? digestOf(RANDOM);
const NOWHERE = digestOf(Buffer.from("in no registry"));

interface Client extends AsyncDisposable {
  readonly registry: Registry;
}

interface Place extends AsyncDisposable {
  readonly host: string;
}

const CLIENTS = [
  { name: "the built-in client", programs: [], create: builtinClient },
  { name: "crane", programs: ["crane"], create: craneClient },
];

const PLACES = [
  { name: "open to all", programs: [], isLocked: false, start: () => loopback({}) },
  {
    name: "with tokens for all",
    programs: [],
    isLocked: false,
    start: () => loopback({ access: { scheme: "bearer" }, redirectBlobs: true }),
  },
  {
    name: "with Basic access",
    programs: [],
    isLocked: true,
    start: () => loopback({ access: { scheme: "basic", account: ACCOUNT } }),
  },
  {
    name: "with tokens for an account",
    programs: [],
    isLocked: true,
    start: () => loopback({ access: { scheme: "bearer", account: ACCOUNT }, redirectBlobs: true }),
  },
  {
    name: "docker-registry, open to all",
    programs: ["docker-registry"],
    isLocked: false,
    start: () => dockerRegistry(undefined),
  },
  {
    name: "docker-registry with htpasswd",
    programs: ["docker-registry"],
    isLocked: true,
    start: () => dockerRegistry(ACCOUNT),
  },
];

for (const { name, programs, create } of CLIENTS) {
  for (const place of PLACES) {
    const run = needs(...programs, ...place.programs);
    const credentials = place.isLocked ? ACCOUNT : undefined;

    describe(`${name}, at a registry ${place.name},`, () => {
      run("fetches manifests by tag and by digest, byte for byte", async () => {
        await using at = await place.start();
        for (const [repository, { root }] of Object.entries(IMAGES)) {
          await using client = await create(`${at.host}/${repository}`, credentials);
          const expected = Buffer.from(root.bytes).toString();
          expect(text(await client.registry.manifest())).toBe(expected);
          expect(text(await client.registry.manifest(root.digest))).toBe(expected);
          expect(await client.registry.digest()).toBe(root.digest);
        }
      });

      run("fetches blobs, several at once", async () => {
        await using at = await place.start();
        await using client = await create(`${at.host}/org/app:1`, credentials);
        const digests = [LAYER, ...IMAGE.blobs.keys()];
        const fetched = await Promise.all(
          digests.map(async (digest) =>
            digestOf(
              await new Response(await client.registry.blob(descriptorOf(digest, IMAGE))).bytes(),
            ),
          ),
        );
        expect(fetched).toEqual(digests);
      });

      run("lets a reader leave a blob in the middle", async () => {
        await using at = await place.start();
        await using client = await create(`${at.host}/org/app:1`, credentials);
        const blob = await client.registry.blob(descriptorOf(LAYER, IMAGE));
        const reader = blob.getReader();
        expect((await reader.read()).done).toBe(false);
        await reader.cancel();
      });

      run("tells what is not there", async () => {
        await using at = await place.start();
        for (const missing of ["org/app:2", "org/nothing:1", `org/app@${NOWHERE}`]) {
          await using client = await create(`${at.host}/${missing}`, credentials);
          await expectRefused(client.registry.manifest(), "IMAGE_NOT_FOUND", `${at.host} has no`);
        }
        await using client = await create(`${at.host}/org/app:1`, credentials);
        const blob = client.registry.blob(descriptorOf(digestOf(Buffer.from("x")), IMAGE));
        await expectRefused(blob, "IMAGE_NOT_FOUND", "has lost a part of org/app");
      });

      run("fetches nothing once it is closed", async () => {
        await using at = await place.start();
        await using client = await create(`${at.host}/org/app:1`, credentials);
        client.registry.close();
        expect(client.registry.manifest()).rejects.toThrow("closed");
        expect(client.registry.blob(descriptorOf(LAYER, IMAGE))).rejects.toThrow("closed");
      });

      if (!place.isLocked) return;

      run("tells a wrong password from a missing one", async () => {
        await using at = await place.start();
        const image = `${at.host}/org/app:1`;
        await using wrong = await create(image, { ...ACCOUNT, password: `${PASSWORD}!` });
        await expectRefused(
          wrong.registry.manifest(),
          "REGISTRY_DENIED",
          `${at.host} does not accept the given username and password for org/app`,
        );
        await using none = await create(image, undefined);
        await expectRefused(
          none.registry.manifest(),
          "REGISTRY_DENIED",
          "no username and password were given",
        );
      });
    });
  }

  describe(name, () => {
    const run = needs(...programs);

    run("shows neither password nor token to the host that blobs are redirected to", async () => {
      for (const scheme of ["basic", "bearer"] as const) {
        using at = startLoopbackRegistry({
          images: IMAGES,
          access: { scheme, account: ACCOUNT },
          redirectBlobs: true,
        });
        await using client = await create(`${at.host}/org/app:1`, ACCOUNT);
        await new Response(await client.registry.blob(descriptorOf(LAYER, IMAGE))).bytes();
        const elsewhere = at.requests.filter(({ host }) => host === at.blobHost);
        expect(elsewhere).toHaveLength(1);
        for (const { headers } of elsewhere) {
          expect(headers.has("authorization")).toBe(false);
          expect(JSON.stringify([...headers])).not.toMatch(/Bearer|Basic|canary/);
        }
      }
    });

    run("refuses a manifest that is not what its digest promises", async () => {
      using at = startLoopbackRegistry({
        intercept: ({ path }) =>
          path.includes("/manifests/")
            ? new Response('{"schemaVersion":2}', {
                headers: { "content-type": OTHER.root.mediaType },
              })
            : undefined,
      });
      await using client = await create(`${at.host}/org/app@${IMAGE.root.digest}`, undefined);
      await expectRefused(client.registry.manifest(), "DIGEST_MISMATCH", IMAGE.root.digest);
    });

    run(
      "tells a limit, a fault and a web page from a manifest",
      async () => {
        const answers: [() => Response, string, string][] = [
          [() => refusal(429, "TOOMANYREQUESTS"), "REGISTRY_LIMITED", "limits how often"],
          [() => refusal(400, "UNSUPPORTED"), "REGISTRY_RESPONSE_INVALID", "answers with"],
          [
            () => refusal(403, "DENIED"),
            "REGISTRY_DENIED",
            "does not let the given account pull org/app",
          ],
          [() => new Response("<html>Welcome</html>"), "REGISTRY_RESPONSE_INVALID", "no manifest"],
        ];
        for (const [answer, code, message] of answers) {
          using at = startLoopbackRegistry({
            intercept: ({ path }) => (path.includes("/manifests/") ? answer() : undefined),
          });
          await using client = await create(`${at.host}/org/app:1`, ACCOUNT);
          await expectRefused(client.registry.manifest(), code, message);
        }
      },
      SLOW_MS,
    );

    run("refuses a manifest of more than 4 MiB", async () => {
      using at = startLoopbackRegistry({
        intercept: ({ path }) =>
          path.includes("/manifests/")
            ? new Response(`{"x":"${"x".repeat(5 * 1024 * 1024)}"}`)
            : undefined,
      });
      await using client = await create(`${at.host}/org/app:1`, undefined);
      const manifest = client.registry.manifest();
      await expectRefused(manifest, "LIMIT_EXCEEDED", "MAX_MANIFEST_BYTES");
    });

    run("says why a host cannot be reached", async () => {
      const rows: [string, string][] = [
        ["127.0.0.1:1", "127.0.0.1:1 refuses the connection"],
        ["no-such-host.invalid", "no-such-host.invalid is a host name that cannot be found"],
      ];
      for (const [host, message] of rows) {
        await using client = await create(`${host}/org/app:1`, ACCOUNT);
        const manifest = client.registry.manifest();
        await expectRefused(manifest, "REGISTRY_UNREACHABLE", message);
      }
    });
  });
}

test("a name for Docker Hub is a registry at registry-1.docker.io, whatever it is called", () => {
  expect(parseReference("index.docker.io/a/b").registry).toBe(parseReference("a/b").registry);
});

async function builtinClient(
  image: string,
  credentials: PasswordCredentials | undefined,
): Promise<Client> {
  const registry = createBuiltin(parseReference(image), {
    credentials,
    stallMs: STALL_MS,
    clock: fastClock(),
  });
  return { registry, [Symbol.asyncDispose]: async () => registry.close() };
}

async function craneClient(
  image: string,
  credentials: PasswordCredentials | undefined,
): Promise<Client> {
  const directory = tempDir();
  const registry = await createCrane({
    program: Bun.which("crane") ?? "",
    env: process.env,
    credentials,
    reference: parseReference(image),
    stallMs: STALL_MS,
    directory: directory.path,
  });
  const dispose = async () => {
    registry.close();
    directory[Symbol.dispose]();
  };
  return { registry, [Symbol.asyncDispose]: dispose };
}

async function loopback(options: LoopbackRegistryOptions): Promise<Place> {
  const registry = startLoopbackRegistry({ ...options, images: IMAGES });
  return { host: registry.host, [Symbol.asyncDispose]: async () => registry[Symbol.dispose]() };
}

async function dockerRegistry(account: PasswordCredentials | undefined): Promise<Place> {
  const registry = await startDockerRegistry(account === undefined ? {} : { account });
  for (const [name, image] of Object.entries<BuiltImage>(IMAGES)) await registry.push(name, image);
  return registry;
}

function refusal(status: number, code: string): Response {
  return Response.json({ errors: [{ code, message: "no" }] }, { status });
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
