// The judge judged: each rule that the misbehaving registry holds its clients to is broken once.

import { describe, expect, test } from "bun:test";
import { ACCOUNT, IMAGE, startRegistry } from "../../support/misbehaviour-row.ts";
import type { MisbehavingRegistry } from "../../support/misbehaving-registry.ts";

const BLOB = `/v2/org/app/blobs/${IMAGE.layers[0]}`;
const MANIFEST = "/v2/org/app/manifests/1";
const BASIC = `Basic ${Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString("base64")}`;

type Place = "host" | "storageHost" | "strangerHost";

interface Break {
  readonly title: string;
  readonly at?: Place;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly problem: string;
}

const BREAKS: readonly Break[] = [
  { title: "a ping", path: "/v2/", problem: "asks what no pull needs" },
  { title: "a HEAD of a blob", path: BLOB, method: "HEAD", problem: "asks what no pull needs" },
  { title: "a POST to a manifest", path: MANIFEST, method: "POST", problem: "what no pull needs" },
  {
    title: "a Range in the first request for a blob",
    path: BLOB,
    headers: { range: "bytes=0-9" },
    problem: "asks for a part of what it has not asked for before",
  },
  {
    title: "a password in an address",
    path: `${MANIFEST}?password=canary-password`,
    problem: "has a secret in its URL",
  },
  {
    title: "a password before anybody has asked",
    path: MANIFEST,
    headers: { authorization: BASIC },
    problem: "proves itself before anybody asked",
  },
  {
    title: "a token at the storage",
    at: "storageHost",
    path: "/blob",
    headers: { authorization: "Bearer token" },
    problem: "shows a secret to a host that is not its own",
  },
  {
    title: "a secret in another header, at a stranger's",
    at: "strangerHost",
    path: "/blob",
    headers: { "x-token": "canary-token" },
    problem: "shows a secret to a host that is not its own",
  },
  {
    title: "a cookie",
    path: MANIFEST,
    headers: { cookie: "a=b" },
    problem: "tells where it has been",
  },
  {
    title: "a wish for compressed bytes",
    path: MANIFEST,
    headers: { "accept-encoding": "gzip" },
    problem: "takes bytes in other clothes",
  },
];

describe("a registry that is strict minds", () => {
  test.each(BREAKS.map((row) => [row.title, row] as const))("%s", async (_, row) => {
    const registry = await startRegistry({ title: row.title });
    await ask(registry, row);
    await expect(registry[Symbol.asyncDispose]()).rejects.toThrow(row.problem);
  });

  test("nothing that a pull needs", async () => {
    await using registry = await startRegistry({ title: "" });
    await ask(registry, { path: MANIFEST });
    await ask(registry, { path: BLOB });
    await ask(registry, { path: BLOB, headers: { range: "bytes=10-" } });
    expect(registry.story).toEqual(["manifest 200", "blob 200", "blob 206"]);
  });
});

async function ask(
  registry: MisbehavingRegistry,
  { at = "host", path, method = "GET", headers = {} }: Omit<Break, "title" | "problem">,
): Promise<void> {
  const response = await fetch(`http://${registry[at]}${path}`, {
    method,
    redirect: "manual",
    headers: { "accept-encoding": "identity", accept: IMAGE.root.mediaType, ...headers },
  });
  await response.bytes();
}
