// Requests of a session to a registry that is in trouble, or has something to say to its users.

import { describe, expect, test } from "bun:test";
import { formatRetry } from "../../src/registry/retry.ts";
import { startLoopbackRegistry } from "../support/loopback-registry.ts";
import { openSession, readManifest, redirect, startRegistry } from "../support/session.ts";

describe("a registry in trouble", () => {
  test("is asked again, and so is its token service", async () => {
    let count = 0;
    using registry = startRegistry({
      access: { scheme: "bearer" },
      // Every other request meets with trouble.
      intercept: () => (count++ % 2 === 0 ? new Response("oops", { status: 503 }) : undefined),
    });
    const tells: string[] = [];
    const session = openSession(registry, { onRetry: (retry) => tells.push(formatRetry(retry)) });
    expect((await readManifest(session)).status).toBe(200);
    expect(tells).toEqual([
      `the registry ${registry.host} answers 503; trying again in 0.5 s (2 of 5)`,
      `${registry.host} answers 503; trying again in 0.5 s (2 of 5)`,
      `the registry ${registry.host} answers 503; trying again in 0.5 s (2 of 5)`,
    ]);
  });

  test.each([400, 403, 404, 410, 501])("is not asked again after %i", async (status) => {
    using registry = startRegistry({ intercept: () => new Response(null, { status }) });
    expect((await readManifest(openSession(registry))).status).toBe(status);
    expect(registry.requests).toHaveLength(1);
  });

  test("is left alone when a request is called off while it is under way", async () => {
    const abort = new AbortController();
    using registry = startRegistry({
      intercept: () => {
        abort.abort(new Error("called off"));
        return new Promise(() => {});
      },
    });
    const options = { accept: "*/*", signal: abort.signal };
    const asked = openSession(registry).get("/v2/org/app/manifests/1", options);
    await expect(asked).rejects.toThrow("called off");
    expect(registry.requests).toHaveLength(1);
  });

  test("is left alone when a request is called off between two tries", async () => {
    const abort = new AbortController();
    using registry = startRegistry({ intercept: () => new Response(null, { status: 503 }) });
    const session = openSession(registry, { onRetry: () => abort.abort(new Error("called off")) });
    const options = { accept: "*/*", signal: abort.signal };
    await expect(session.get("/v2/org/app/manifests/1", options)).rejects.toThrow("called off");
    expect(registry.requests).toHaveLength(1);
  });
});

test("a registry's warnings are told once each, and other hosts' not at all", async () => {
  const warning = (...texts: string[]) =>
    new Headers(texts.map((text) => ["warning", `299 - "${text}"`]));
  using elsewhere = startLoopbackRegistry({
    intercept: () => new Response("", { headers: warning("buy this") }),
  });
  using registry = startRegistry({
    intercept: ({ path }) =>
      path.endsWith("/moved")
        ? redirect(`http://${elsewhere.host}/`)
        : Response.json({}, { headers: warning("old", "very old") }),
  });
  const warnings: string[] = [];
  const session = openSession(registry, { onWarning: (text) => warnings.push(text) });
  await readManifest(session);
  await readManifest(session);
  await readManifest(session, "moved");
  expect(warnings).toEqual(["old", "very old"]);
});
