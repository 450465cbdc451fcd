// What the built-in client says on the wire, and to whom. What it makes of a registry that misbehaves is
// builtin-refusals.test.ts.

import { describe, expect, test } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { MANIFEST_ACCEPT } from "../../src/oci/media-type.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { createBuiltin } from "../../src/registry/builtin.ts";
import { descriptorOf } from "../support/descriptor-of.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { fastClock } from "../support/fast-clock.ts";
import { buildImage } from "../support/image-builder.ts";
import {
  SERVICE,
  startLoopbackRegistry,
  type LoopbackRegistry,
} from "../support/loopback-registry.ts";
import { bearer, redirect, startRegistry, summary, unauthorized } from "../support/session.ts";

const ACCOUNT = { username: "somebody", password: "canary-password" };
const IMAGE = buildImage({ layers: [[{ path: "file", content: "content" }]] });
const LAYER = IMAGE.layers[0] ?? digestOf(new Uint8Array());
const STALL_MS = 20_000;

describe("the requests", () => {
  test("a public image takes one request, without a ping and without a password", async () => {
    using registry = startRegistry({});
    await manifest(registry);
    expect(summary(registry)).toEqual(["GET /v2/org/app/manifests/1"]);
    const [request] = registry.requests;
    expect(request?.headers.get("accept")).toBe(MANIFEST_ACCEPT);
    expect(request?.headers.get("accept-encoding")).toBe("identity");
    expect(request?.headers.has("authorization")).toBe(false);
  });

  test("a token is asked for once, for the scope of the challenge, with the password", async () => {
    using registry = startRegistry({ access: { scheme: "bearer", account: ACCOUNT } });
    const client = createBuiltin(reference(registry), { credentials: ACCOUNT, stallMs: STALL_MS });
    await client.manifest();
    await Promise.all([1, 2, 3].map(() => client.blob(descriptorOf(LAYER, IMAGE))));
    const [first, token, ...rest] = registry.requests;
    expect(first?.headers.has("authorization")).toBe(false);
    expect(token?.path).toBe("/token");
    expect(token?.headers.get("authorization")).toStartWith("Basic ");
    expect([...new URLSearchParams(token?.query)]).toEqual([
      ["service", SERVICE],
      ["scope", "repository:org/app:pull"],
    ]);
    expect(rest.map(({ path }) => path)).not.toContain("/token");
    for (const { headers } of rest) expect(headers.get("authorization")).toStartWith("Bearer ");
  });

  test("a token that has expired is replaced once for all who notice", async () => {
    let isExpired = false;
    let old: string | null = null;
    using registry = startRegistry({
      access: { scheme: "bearer" },
      intercept: ({ headers, path, host }) => {
        old ??= headers.get("authorization");
        const isOld = isExpired && old !== null && headers.get("authorization") === old;
        return isOld && path !== "/token" ? unauthorized(bearer(host)) : undefined;
      },
    });
    const client = createBuiltin(reference(registry), { stallMs: STALL_MS });
    await client.manifest();
    isExpired = true;
    const blobs = [1, 2, 3].map(() => client.blob(descriptorOf(LAYER, IMAGE)));
    for (const blob of await Promise.all(blobs)) {
      expect(digestOf(await new Response(blob).bytes())).toBe(LAYER);
    }
    expect(summary(registry).filter((line) => line === "GET /token")).toHaveLength(2);
  });

  test.each([
    ["one header", ['Negotiate, Basic realm="x, y", Bearer realm="REALM"']],
    ["several headers", ["Basic realm=x", 'bearer Realm="REALM"']],
  ])("Bearer comes before Basic, in %s", async (_, challenges) => {
    using registry = startRegistry({
      intercept: ({ path, headers, host }) => {
        if (path === "/token") return Response.json({ access_token: "token-of-a-test" });
        if (headers.get("authorization") === "Bearer token-of-a-test") return undefined;
        return unauthorized(
          ...challenges.map((text) => text.replace("REALM", `http://${host}/token?a=b`)),
        );
      },
    });
    await manifest(registry);
    // The realm's own query stays, and the scope is made up where the challenge has none.
    expect(registry.requests[1]?.query).toBe("a=b&scope=repository%3Aorg%2Fapp%3Apull");
  });

  test("a token for a repository is not used for another", async () => {
    using registry = startRegistry({ access: { scheme: "bearer" } });
    registry.add("org/other:1", IMAGE);
    const client = createBuiltin(reference(registry), { stallMs: STALL_MS });
    await client.manifest();
    const other = parseReference(`${registry.host}/org/other:1`);
    await createBuiltin(other, { stallMs: STALL_MS }).manifest();
    expect(summary(registry).filter((line) => line === "GET /token")).toHaveLength(2);
  });
});

describe("credentials stay where they belong", () => {
  test("a token service that is not the registry's is asked without the password", async () => {
    using registry = startRegistry({
      intercept: ({ path, host }) => {
        if (path === "/token") return Response.json({ token: "public" });
        return unauthorized(bearer(host.replace("127.0.0.1", "localhost")));
      },
    });
    await expectRefused(manifest(registry, ACCOUNT), "REGISTRY_DENIED", "does not belong to it");
    const token = registry.requests.find(({ path }) => path === "/token");
    expect(token?.headers.has("authorization")).toBe(false);
  });

  test("a blob host that asks for them gets neither token nor password", async () => {
    using elsewhere = startLoopbackRegistry({
      intercept: ({ host }) => unauthorized(bearer(host), "Basic realm=x"),
    });
    using registry = startRegistry({
      access: { scheme: "bearer", account: ACCOUNT },
      intercept: ({ path, headers }) =>
        path.includes("/blobs/") && headers.has("authorization")
          ? redirect(`http://${elsewhere.host}/blob?signature=canary`)
          : undefined,
    });
    const client = createBuiltin(reference(registry), { credentials: ACCOUNT, stallMs: STALL_MS });
    const blob = client.blob(descriptorOf(LAYER, IMAGE));
    await expectRefused(blob, "REGISTRY_RESPONSE_INVALID", `${elsewhere.host}, where`);
    // It might be that the address was signed too long ago: the registry is asked for a new one, twice.
    expect(elsewhere.requests.map(({ path }) => path)).toEqual(["/blob", "/blob", "/blob"]);
    for (const { headers } of elsewhere.requests) expect(headers.has("authorization")).toBe(false);
  });

  test("a redirect back to the registry by another host does not carry them", async () => {
    let registryHost = "";
    using elsewhere = startLoopbackRegistry({
      intercept: () => redirect(`http://${registryHost}/v2/org/secret/manifests/1`),
    });
    using registry = startRegistry({
      access: { scheme: "basic", account: ACCOUNT },
      intercept: ({ path, headers }) =>
        path.includes("/blobs/") && headers.has("authorization")
          ? redirect(`http://${elsewhere.host}/`)
          : undefined,
    });
    registryHost = registry.host;
    const client = createBuiltin(reference(registry), { credentials: ACCOUNT, stallMs: STALL_MS });
    const blob = client.blob(descriptorOf(LAYER, IMAGE));
    await expectRefused(blob, "REGISTRY_RESPONSE_INVALID", "HTTP status 401");
    const last = registry.requests.at(-1);
    expect(last?.path).toBe("/v2/org/secret/manifests/1");
    expect(last?.headers.has("authorization")).toBe(false);
  });

  test("a redirect within the registry carries them", async () => {
    using registry = startRegistry({
      access: { scheme: "basic", account: ACCOUNT },
      intercept: ({ path }) => (path.endsWith("/manifests/1") ? redirect("moved") : undefined),
    });
    registry.add("org/app:moved", IMAGE);
    await manifest(registry, ACCOUNT);
    expect(summary(registry).at(-1)).toBe("GET /v2/org/app/manifests/moved");
    expect(registry.requests.at(-1)?.headers.has("authorization")).toBe(true);
  });
});

function reference({ host }: LoopbackRegistry) {
  return parseReference(`${host}/org/app:1`);
}

function manifest(registry: LoopbackRegistry, credentials?: typeof ACCOUNT): Promise<Uint8Array> {
  const options = { credentials, stallMs: STALL_MS, clock: fastClock() };
  return createBuiltin(reference(registry), options).manifest();
}
