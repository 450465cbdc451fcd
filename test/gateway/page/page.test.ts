// The page over HTTP, without a browser: what is told to whom.

import { expect, test } from "bun:test";
import { catalogueWith, openPageServer } from "./page-server.ts";

const TOKEN = "canary-5d0e";
const HOLDER = { authorization: `Bearer ${TOKEN}` };
const IMAGE = { image: "ghcr.io/acme/weather:1", digest: "sha256:5d0e", way: "at its port 8000" };

test("the document is small, complete in itself and lets no other than Hugging Face frame it", async () => {
  await using server = openPageServer();
  const response = await fetch(server.url);
  const html = await response.text();
  expect(response.headers.get("content-encoding")).toBe("gzip");
  expect(Bun.gzipSync(html).byteLength).toBeLessThan(11_000);
  const plain = await fetch(server.url, { headers: { "accept-encoding": "identity" } });
  expect(plain.headers.get("content-encoding")).toBeNull();
  expect(await plain.text()).toBe(html);
  expect(html).not.toMatch(/\b(?:src|href)="(?!data:,")/);
  expect(html.match(/<script/g)).toHaveLength(1);
  expect(html.match(/<\/script/g)).toHaveLength(1);
  const policy = response.headers.get("content-security-policy") ?? "";
  expect(policy).toStartWith("default-src 'none'; script-src 'sha256-");
  expect(policy).toContain("frame-ancestors https://huggingface.co https://*.hf.space;");
  expect(policy).not.toMatch(/unsafe|\*(?!\.hf\.space)/);
});

test.each(["", "_runner/status", "_runner/server"])(
  "HEAD /%s has the headers and no body",
  async (path) => {
    await using server = openPageServer();
    server.front.describe({ catalogue: catalogueWith() });
    const [head, get] = await Promise.all([
      fetch(server.url + path, { method: "HEAD" }),
      fetch(server.url + path),
    ]);
    expect(head.status).toBe(200);
    expect(await head.text()).toBe("");
    expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
    expect(head.headers.get("content-security-policy")).toBe(
      get.headers.get("content-security-policy"),
    );
  },
);

test.each(["POST", "PUT", "DELETE"])("%s is not for the page", async (method) => {
  await using server = openPageServer();
  expect((await fetch(server.url, { method })).status).toBe(404);
  expect((await fetch(`${server.url}_runner/status`, { method })).status).toBe(404);
});

test("without the token nothing of the server is told, nor of its image, nor why it failed", async () => {
  await using server = openPageServer({ token: TOKEN });
  server.front.describe({ ...IMAGE, catalogue: catalogueWith() });
  server.front.tell({
    state: "failed",
    failure: { stage: "extract", code: "DISK_FULL", message: "acme", hint: "acme" },
  });
  const status = await (await fetch(`${server.url}_runner/status`)).json();
  expect(status).toEqual({
    state: "failed",
    about: { endpoint: "/mcp", calls: false, open: false, sse: false, locked: true },
  });
  expect((await fetch(`${server.url}_runner/server`)).status).toBe(401);
});

test("with the token all of it is told, and kept by no cache", async () => {
  await using server = openPageServer({ token: TOKEN });
  server.front.describe({ ...IMAGE, catalogue: catalogueWith() });
  const [status, description] = await Promise.all([
    fetch(`${server.url}_runner/status`, { headers: HOLDER }),
    fetch(`${server.url}_runner/server`, { headers: HOLDER }),
  ]);
  expect(await status.json()).toMatchObject({ about: { ...IMAGE, isDescribed: true } });
  expect(await description.json()).toMatchObject({ name: "Weather", version: "1.2.0" });
  expect(description.headers.get("cache-control")).toBe("no-store");
});

test("the page's paths are the runner's even where all paths are the server's, and `/` is the server's", async () => {
  const asked: string[] = [];
  await using server = openPageServer({
    endpoint: {
      claims: () => true,
      async handle(request) {
        asked.push(new URL(request.url).pathname);
        return new Response("the server's own");
      },
      close: async () => {},
    },
  });
  expect(await (await fetch(server.url, VISIT)).text()).toBe("the server's own");
  expect((await fetch(`${server.url}_runner/status`)).headers.get("content-type")).toContain(
    "json",
  );
  expect(asked).toEqual(["/"]);
});

test.each(["GET", "HEAD"])(
  "the page stands in for a server that has nothing at `/`: %s",
  async (method) => {
    await using server = openPageServer({
      endpoint: {
        claims: () => true,
        handle: async () => new Response("not here", { status: 404 }),
        close: async () => {},
      },
    });
    const response = await fetch(server.url, { ...VISIT, method });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    const machine = await fetch(server.url, { method, headers: { accept: "application/json" } });
    expect(machine.status).toBe(404);
  },
);

const VISIT = { headers: { accept: "text/html,application/xhtml+xml" } };
