// How a session proves itself over time: tokens that run out, and tokens from what stands in for a password. On a clock
// that is turned by hand.

import { describe, expect, test } from "bun:test";
import { MANIFEST_ACCEPT } from "../../src/oci/media-type.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { fastClock } from "../support/fast-clock.ts";
import {
  SERVICE,
  startLoopbackRegistry,
  type LoopbackRegistry,
} from "../support/loopback-registry.ts";
import {
  atToken,
  bearer,
  lasting,
  MANIFEST,
  openSession,
  readManifest,
  redirect,
  startRegistry,
  summary,
  unauthorized,
} from "../support/session.ts";

const IDENTITY = { identityToken: "canary-identity" };

describe("a token", () => {
  test.each([
    [29_000, 90, 1],
    [31_000, 60, 2],
    [61_000, 60, 2],
    [61_000, 300, 1],
    [271_000, 300, 2],
    [1, 10, 2],
  ])("is renewed after %i ms of %i s: %i tokens in all", async (ms, expires_in, tokens) => {
    using registry = startRegistry({ intercept: lasting({ expires_in }) });
    const clock = fastClock();
    const session = openSession(registry, { clock });
    await readManifest(session);
    clock.advance(ms);
    await readManifest(session);
    const first = ["GET /v2/org/app/manifests/1", "GET /token", MANIFEST];
    expect(summary(registry)).toEqual([
      ...first,
      ...(tokens === 2 ? ["GET /token"] : []),
      MANIFEST,
    ]);
  });

  test("that is running out is renewed once for all who are about to begin", async () => {
    using registry = startRegistry({ intercept: lasting({ expires_in: 60 }) });
    const clock = fastClock();
    const session = openSession(registry, { clock });
    await readManifest(session);
    clock.advance(40_000);
    await Promise.all([1, 2, 3, 4].map(() => readManifest(session)));
    expect(summary(registry).filter((line) => line === "GET /token")).toHaveLength(2);
    expect(registry.requests.filter(({ headers }) => headers.has("authorization"))).toHaveLength(5);
  });

  test("is told to whoever keeps secrets out of the log", async () => {
    using registry = startRegistry({ intercept: lasting({ token: "canary-token" }) });
    const secrets: string[] = [];
    await readManifest(openSession(registry, { onSecret: (secret) => secrets.push(secret) }));
    expect(secrets).toEqual(["canary-token"]);
  });

  test("that is refused in the middle is replaced once, and the request made once more", async () => {
    const answer = lasting({ expires_in: 300 });
    using registry = startRegistry({
      intercept: (request) =>
        request.headers.has("x-refused") ? unauthorized(bearer(request.host)) : answer(request),
    });
    const session = openSession(registry);
    await readManifest(session);
    const options = { accept: MANIFEST_ACCEPT, headers: { "x-refused": "yes" } };
    const refused = await session.get("/v2/org/app/manifests/1", options);
    expect(refused.status).toBe(401);
    expect(summary(registry).slice(3)).toEqual([MANIFEST, "GET /token", MANIFEST]);
    await refused.body.cancel();
  });

  test("is asked for with the scopes of the challenge, each by itself", async () => {
    using registry = startRegistry({
      intercept: ({ path, host, headers }) => {
        if (path === "/token") return Response.json({ token: "t" });
        if (headers.has("authorization")) return undefined;
        const scope = "repository:org/app:pull,push repository:org/base:pull";
        return unauthorized(`Bearer realm="http://${host}/token",scope="${scope}"`);
      },
    });
    await readManifest(openSession(registry));
    const { query = "" } = registry.requests[1] ?? {};
    expect(new URLSearchParams(query).getAll("scope")).toEqual([
      "repository:org/app:pull,push",
      "repository:org/base:pull",
    ]);
  });

  test("comes from a service that has moved, which sees no password", async () => {
    const credentials = { username: "somebody", password: "canary-password" };
    using elsewhere = startLoopbackRegistry({ intercept: () => Response.json({ token: "t" }) });
    using registry = startRegistry({
      intercept: ({ path, host, headers }) => {
        if (path === "/token") return redirect(`http://${elsewhere.host}/new`);
        return headers.has("authorization") ? undefined : unauthorized(bearer(host));
      },
    });
    await readManifest(openSession(registry, { credentials }));
    expect(registry.requests[1]?.headers.get("authorization")).toStartWith("Basic ");
    expect(elsewhere.requests.map(({ headers }) => headers.has("authorization"))).toEqual([false]);
  });

  test("is not asked for where a redirect of the service leads to this network", async () => {
    using registry = startRegistry({
      intercept: ({ path, host }) =>
        // By the rules for blobs a registry on this machine may do that.
        path === "/token" ? redirect("http://10.0.0.1/") : unauthorized(bearer(host)),
    });
    const refused = "asks for a token from http://10.0.0.1, which is not a public address";
    await expectRefused(readManifest(openSession(registry)), "REGISTRY_REDIRECT_REFUSED", refused);
  });
});

describe("an identity token", () => {
  test("is exchanged by a POST, and goes nowhere else", async () => {
    using registry = startRegistry({
      intercept: atToken(() => Response.json({ access_token: "t" })),
    });
    expect((await readManifest(openSession(registry, { credentials: IDENTITY }))).status).toBe(200);
    const [, token] = registry.requests;
    expect(token?.headers.get("content-type")).toStartWith("application/x-www-form-urlencoded");
    expect(Object.fromEntries(new URLSearchParams(token?.body))).toEqual({
      grant_type: "refresh_token",
      refresh_token: IDENTITY.identityToken,
      client_id: "fastmcp-runner",
      service: SERVICE,
      scope: "repository:org/app:pull",
    });
    expect(token?.query).toBe("");
    expectNowhereElse(registry);
  });

  test.each([
    ["Azure", 400],
    ["Artifactory", 401],
    ["Google", 404],
    ["whoever knows no POST", 405],
    ["whoever sends a POST elsewhere", 307],
  ])("is a password for %s, which answers a POST with %i", async (_, status) => {
    using registry = startRegistry({
      intercept: atToken(({ method }) =>
        method === "POST"
          ? new Response(null, { status, headers: { location: "http://localhost:1/" } })
          : Response.json({ token: "t" }),
      ),
    });
    const credentials = { ...IDENTITY, username: "somebody" };
    expect((await readManifest(openSession(registry, { credentials }))).status).toBe(200);
    const [, , get] = registry.requests;
    expect(get?.headers.get("authorization")).toBe(`Basic ${btoa("somebody:canary-identity")}`);
    expect([...new URLSearchParams(get?.query)]).toEqual([
      ["service", SERVICE],
      ["scope", "repository:org/app:pull"],
    ]);
    expectNowhereElse(registry);
  });

  test("of nobody in particular is not taken for a password", async () => {
    using registry = startRegistry({
      intercept: atToken(({ method }) =>
        method === "POST" ? new Response(null, { status: 404 }) : Response.json({ token: "t" }),
      ),
    });
    expect((await readManifest(openSession(registry, { credentials: IDENTITY }))).status).toBe(200);
    expect(registry.requests[2]?.headers.has("authorization")).toBe(false);
  });

  test.each([
    [403, "REGISTRY_DENIED", "does not let the account that was found pull org/app"],
    [400, "REGISTRY_DENIED", "does not accept the identity token that was found for org/app"],
  ])("that a POST refuses with %i", async (status, code, words) => {
    using registry = startRegistry({
      intercept: atToken(
        ({ method }) => new Response(null, { status: method === "POST" ? status : 401 }),
      ),
    });
    await expectRefused(
      readManifest(openSession(registry, { credentials: IDENTITY })),
      code,
      words,
    );
  });

  test("is not shown to a service that is not the registry's", async () => {
    using registry = startRegistry({
      intercept: ({ path, host }) =>
        path === "/token"
          ? Response.json({ token: "public" })
          : unauthorized(bearer(host.replace("127.0.0.1", "localhost"))),
    });
    const refused = readManifest(openSession(registry, { credentials: IDENTITY }));
    await expectRefused(refused, "REGISTRY_DENIED", "does not belong to it");
    expect(registry.requests.map(({ method }) => method)).not.toContain("POST");
    expectNowhereElse(registry);
  });

  test("is no answer to a registry that wants Basic", async () => {
    using registry = startRegistry({ intercept: () => unauthorized("Basic realm=x") });
    const answer = await readManifest(openSession(registry, { credentials: IDENTITY }));
    expect(answer.status).toBe(401);
    expect(summary(registry)).toEqual([MANIFEST]);
  });
});

describe("a token of the registry itself", () => {
  const credentials = { registryToken: "canary-registry" };

  test("is sent as it is, from the first request on", async () => {
    using registry = startRegistry({});
    await readManifest(openSession(registry, { credentials }));
    expect(registry.requests.map(({ headers }) => headers.get("authorization"))).toEqual([
      "Bearer canary-registry",
    ]);
  });

  test("is not exchanged for another when it is refused", async () => {
    using registry = startRegistry({
      intercept: ({ host }) => unauthorized(bearer(host), "Basic realm=x"),
    });
    expect((await readManifest(openSession(registry, { credentials }))).status).toBe(401);
    expect(summary(registry)).toEqual([MANIFEST]);
  });

  test("that no header can hold is refused before anything is sent", () => {
    using registry = startRegistry({});
    const bad = { registryToken: "canary\r\nHost: evil" };
    expect(() => openSession(registry, { credentials: bad })).toThrow(
      expect.objectContaining({ code: "CREDENTIALS_UNREADABLE" }),
    );
  });
});

function expectNowhereElse({ requests }: LoopbackRegistry): void {
  for (const { path, headers, body, query } of requests) {
    if (path !== "/token") expect([...headers, body, query].join()).not.toContain("canary");
  }
}
