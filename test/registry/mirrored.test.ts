// Mirrors before a registry, each a real one on loopback. Which of them was asked for what is what counts.

import { afterEach, describe, expect, test } from "bun:test";
import type { RunnerError } from "../../src/errors.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { createBuiltin } from "../../src/registry/builtin.ts";
import { createMirrored } from "../../src/registry/mirrored.ts";
import { mirrored } from "../../src/registry/mirrors.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { fastClock } from "../support/fast-clock.ts";
import { buildImage } from "../support/image-builder.ts";
import {
  type LoopbackRegistry,
  type LoopbackRegistryOptions,
  startLoopbackRegistry,
} from "../support/loopback-registry.ts";
import { startWireServer } from "../support/wire-server.ts";

const LAYER = Buffer.from("0123456789".repeat(20_000));
const IMAGE = buildImage({ layers: [LAYER], compression: "none" });
const OTHER = buildImage({ layers: [Buffer.from("another")], compression: "none" });
const NAME = "team/app:1";
const ACCOUNT = { username: "reader", password: "canary-password" };

const started: LoopbackRegistry[] = [];
afterEach(() => {
  for (const registry of started.splice(0)) registry[Symbol.dispose]();
});

function start(options: LoopbackRegistryOptions): LoopbackRegistry {
  const registry = startLoopbackRegistry(options);
  started.push(registry);
  return registry;
}

interface Setting {
  readonly registry: Registry;
  /** What was said of mirrors that could not help, in order. */
  readonly skipped: readonly string[];
}

/** A client of the first registry's image, with the others as its mirrors. */
function clientOf(origin: LoopbackRegistry, mirrors: readonly { host: string }[]): Setting {
  const skipped: string[] = [];
  const options = { stallMs: 5000, clock: fastClock(), tries: 2 };
  const reference = parseReference(`${origin.host}/${NAME}`);
  const registry = createMirrored({
    origin: createBuiltin(reference, { ...options, credentials: ACCOUNT }),
    mirrors: mirrors.map(({ host }) => {
      const own = mirrored(reference, { registry: host, prefix: "" });
      return {
        name: host,
        registry: createBuiltin(own, { ...options, mirrorOf: reference.registry }),
      };
    }),
    onSkip: (name, { code }: RunnerError) => skipped.push(`${name} ${code}`),
  });
  return { registry, skipped };
}

const layerOf = { digest: digestOf(LAYER), size: LAYER.length, mediaType: "x/y" } as never;

async function readLayer(registry: Registry): Promise<Uint8Array> {
  return await new Response(await registry.blob(layerOf)).bytes();
}

async function manifestOf(registry: Registry): Promise<string> {
  return digestOf(await registry.manifest());
}

function withImage(options: LoopbackRegistryOptions = {}): LoopbackRegistryOptions {
  return { images: { [NAME]: IMAGE }, ...options };
}

function broken(status: number): LoopbackRegistryOptions {
  return { intercept: () => new Response("{}", { status }) };
}

describe("a mirror", () => {
  test("is asked instead of the registry, on its behalf and without its credentials", async () => {
    const origin = start(withImage({ access: { scheme: "basic", account: ACCOUNT } }));
    const mirror = start(withImage());
    const { registry, skipped } = clientOf(origin, [mirror]);
    expect(await registry.digest()).toBe(IMAGE.root.digest);
    expect(await manifestOf(registry)).toBe(IMAGE.root.digest);
    expect(digestOf(await registry.manifest(IMAGE.root.digest))).toBe(IMAGE.root.digest);
    expect(await readLayer(registry)).toEqual(new Uint8Array(LAYER));
    expect(mirror.requests).toHaveLength(4);
    expect(mirror.requests.map(({ query }) => query)).toEqual(
      Array(4).fill(`ns=${encodeURIComponent(origin.host)}`),
    );
    expect(mirror.requests.some(({ headers }) => headers.has("authorization"))).toBe(false);
    expect(origin.requests).toEqual([]);
    expect(skipped).toEqual([]);
  });

  test("that wants to know who asks does not learn it, and the registry is asked", async () => {
    const access = { scheme: "basic", account: ACCOUNT } as const;
    const origin = start(withImage({ access }));
    const mirror = start(withImage({ access }));
    const { registry, skipped } = clientOf(origin, [mirror]);
    expect(await manifestOf(registry)).toBe(IMAGE.root.digest);
    expect(skipped).toEqual([`${mirror.host} REGISTRY_DENIED`]);
    expect(mirror.requests.some(({ headers }) => headers.has("authorization"))).toBe(false);
    expect(origin.requests.some(({ query }) => query.includes("ns="))).toBe(false);
  });

  test("that lacks an image is asked again for other things", async () => {
    const origin = start(withImage());
    const mirror = start(
      withImage({
        intercept: ({ path }) =>
          path.includes("/manifests/") ? new Response("{}", { status: 404 }) : undefined,
      }),
    );
    const { registry, skipped } = clientOf(origin, [mirror]);
    expect(await manifestOf(registry)).toBe(IMAGE.root.digest);
    expect(await readLayer(registry)).toEqual(new Uint8Array(LAYER));
    expect(skipped).toEqual([`${mirror.host} IMAGE_NOT_FOUND`]);
    expect(origin.requests.some(({ path }) => path.includes("/blobs/"))).toBe(false);
  });

  test.each([
    ["answers 500", broken(500), "REGISTRY_RESPONSE_INVALID"],
    ["answers 429", broken(429), "REGISTRY_LIMITED"],
    ["answers 403", broken(403), "REGISTRY_DENIED"],
    [
      "answers with a web page",
      { intercept: () => new Response("<!doctype html>") },
      "REGISTRY_RESPONSE_INVALID",
    ],
    [
      "redirects in a circle",
      { intercept: () => Response.redirect("/", 302) },
      "REGISTRY_RESPONSE_INVALID",
    ],
  ] as const)(
    "that %s is left for the next one, said once and not asked again",
    async (_, options, code) => {
      const origin = start(withImage());
      const [bad, good] = [start(options), start(withImage())];
      const { registry, skipped } = clientOf(origin, [bad, good]);
      expect(await manifestOf(registry)).toBe(IMAGE.root.digest);
      const asked = bad.requests.length;
      expect(await readLayer(registry)).toEqual(new Uint8Array(LAYER));
      expect(skipped).toEqual([`${bad.host} ${code}`]);
      expect(bad.requests).toHaveLength(asked);
      expect(good.requests).toHaveLength(2);
      expect(origin.requests).toEqual([]);
    },
  );

  test("that is not there is left for the registry", async () => {
    const origin = start(withImage());
    const mirror = startLoopbackRegistry();
    mirror[Symbol.dispose]();
    const { registry, skipped } = clientOf(origin, [mirror]);
    expect(await manifestOf(registry)).toBe(IMAGE.root.digest);
    expect(skipped).toEqual([`${mirror.host} REGISTRY_UNREACHABLE`]);
  });

  test("decides what a tag stands for, and cannot decide what a digest does", async () => {
    const origin = start(withImage());
    const mirror = start({
      images: { [NAME]: OTHER },
      intercept: ({ path }) =>
        path.endsWith(IMAGE.root.digest) ? new Response(Buffer.from(OTHER.root.bytes)) : undefined,
    });
    const { registry, skipped } = clientOf(origin, [mirror]);
    expect(await manifestOf(registry)).toBe(OTHER.root.digest);
    expect(digestOf(await registry.manifest(IMAGE.root.digest))).toBe(IMAGE.root.digest);
    expect(skipped).toEqual([`${mirror.host} DIGEST_MISMATCH`]);
  });

  test("that breaks off in the middle of a blob is continued by the next place, from the same byte", async () => {
    const origin = start(withImage());
    const server = await startWireServer(() => ({
      status: 200,
      headers: [["content-length", String(LAYER.length)]],
      body: LAYER,
      sent: LAYER.length / 2,
      ending: "hang",
    }));
    const mirror = { host: `127.0.0.1:${server.port}` };
    const { registry, skipped } = clientOf(origin, [mirror]);
    const reader = (await registry.blob(layerOf)).getReader();
    const chunks = [(await reader.read()).value ?? new Uint8Array()];
    await server[Symbol.asyncDispose]();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      chunks.push(next.value);
    }
    expect(Buffer.concat(chunks).equals(LAYER)).toBe(true);
    expect(skipped).toEqual([`${mirror.host} REGISTRY_UNREACHABLE`]);
  });

  test("that nobody reads any more is left", async () => {
    const { registry } = clientOf(start(withImage()), [start(withImage())]);
    const reader = (await registry.blob(layerOf)).getReader();
    await reader.read();
    await reader.cancel();
    registry.close();
    expect(registry.manifest()).rejects.toThrow("closed");
  });
});

test("when nobody has an image, the registry's own words are said", async () => {
  const [origin, mirror] = [start({}), start({})];
  const { registry } = clientOf(origin, [mirror]);
  await expectRefused(registry.manifest(), "IMAGE_NOT_FOUND", `${origin.host} has no repository`);
  await expectRefused(registry.blob(layerOf), "IMAGE_NOT_FOUND", `${origin.host} has lost a part`);
});
