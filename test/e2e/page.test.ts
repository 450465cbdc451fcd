// The page on `/` as its visitors meet it: the compiled runner in front of a real server, in a real browser.

import { afterAll, afterEach, beforeAll, describe, expect } from "bun:test";
import type { Page } from "playwright-core";
import { browserProblem, closeBrowser, visit } from "../support/browser.ts";
import { buildEverythingImage } from "../support/everything-image.ts";
import type { BuiltImage } from "../support/image-builder.ts";
import { type LoopbackRegistry, startLoopbackRegistry } from "../support/loopback-registry.ts";
import { runModeProblem } from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { freePort, startRunner, type StartedRunner } from "../support/runner.ts";

const RUN_MS = 60_000;
const problem = programProblem("node") ?? browserProblem() ?? runModeProblem();
const inBrowser = unless(problem);

let stdio: BuiltImage;
let registry: LoopbackRegistry;
/** What the registry waits for before it sends the last layer. */
let gate = Promise.withResolvers<void>();
gate.resolve();

beforeAll(async () => {
  if (problem !== undefined) return;
  stdio = await buildEverythingImage("stdio");
  registry = startLoopbackRegistry({
    images: {
      "acme/everything:1": stdio,
      "acme/everything:http": await buildEverythingImage("silent", {
        ExposedPorts: { "8123/tcp": {} },
      }),
    },
    async intercept({ path }) {
      if (path.endsWith(`/blobs/${stdio.layers.at(-1)}`)) await gate.promise;
      return undefined;
    },
  });
}, RUN_MS);

afterEach(() => gate.resolve());

afterAll(async () => {
  await closeBrowser();
  registry?.[Symbol.dispose]();
});

interface StartedPage {
  readonly runner: StartedRunner;
  readonly url: string;
}

/** Returns as soon as the port is open. */
async function startPage(environment: Readonly<Record<string, string>> = {}): Promise<StartedPage> {
  const port = freePort();
  const url = `http://127.0.0.1:${port}/`;
  const runner = await startRunner({
    environment: {
      IMAGE: `${registry.host}/acme/everything:1`,
      PORT: String(port),
      SERVER_TRANSPORT: "stdio",
      ...environment,
    },
  });
  for (;;) {
    try {
      await fetch(url);
      return { runner, url };
    } catch {
      if (runner.process.exitCode !== null) throw new Error((await runner.end()).stderr);
      await Bun.sleep(10);
    }
  }
}

const stateIs = (page: Page, state: string) =>
  page.getByRole("status").getByText(state, { exact: true }).waitFor();

describe("a server on its standard streams", () => {
  inBrowser(
    "is shown while it is pulled, and then with all that it offers",
    async () => {
      gate = Promise.withResolvers<void>();
      const { runner, url } = await startPage();
      await using _ = runner;
      await using visited = await visit(url);
      const { page, requests, complaints } = visited;
      await page.getByText("1 of 2 layers").waitFor();
      await stateIs(page, "Starting");
      expect(await page.locator("[aria-current=step]").textContent()).toBe(
        "Pulling and unpacking the image",
      );
      expect(await page.evaluate("document.querySelector('progress').position")).toBeGreaterThan(
        0.9,
      );
      gate.resolve();

      await stateIs(page, "Running");
      await page.getByRole("heading", { name: "Everything" }).waitFor();
      const facts = await page.locator("dl").innerText();
      expect(facts).toContain(`${registry.host}/acme/everything:1`);
      expect(facts).toContain(stdio.root.digest);
      expect(facts).toContain("2.0.0");
      await page.locator("summary", { hasText: "get-sum" }).click();
      const tool = page.locator("#tools details[open]");
      expect(await tool.innerText()).toContain("First number");
      expect(await tool.getByRole("listitem").count()).toBe(2);
      expect(await page.locator("form:visible").count()).toBe(0);
      expect(await page.locator("#resources summary").count()).toBeGreaterThan(0);
      await page.locator("summary", { hasText: "args-prompt" }).click();
      expect(await page.locator("#prompts details[open]").innerText()).toContain(
        "Name of the city",
      );
      expect(await page.locator("#open-to-all").isVisible()).toBe(false);
      expect(
        requests.filter((address) => !address.startsWith(url) && address !== "data:,"),
      ).toEqual([]);
      expect(complaints).toEqual([]);
    },
    RUN_MS,
  );

  inBrowser(
    "is called from the page where PAGE_CALLS allows it",
    async () => {
      const { runner, url } = await startPage({ PAGE_CALLS: "1" });
      await using _ = runner;
      await using visited = await visit(url);
      const { page, complaints } = visited;
      await page.locator("summary", { hasText: "get-sum" }).click();
      const tool = page.locator("#tools details[open]");
      await tool.getByLabel("a number").fill("2");
      await tool.getByLabel("b number").fill("40");
      await page.keyboard.press("Enter");
      await tool.getByText("The sum of 2 and 40 is 42.").waitFor();

      await page.locator("summary", { hasText: "get-tiny-image" }).click();
      const image = page.locator("#tools details[open]").last();
      await image.getByRole("button", { name: "Call" }).click();
      await image.getByRole("img").waitFor();
      await page.waitForFunction("document.querySelector('.result img').naturalWidth > 0");
      expect(complaints).toEqual([]);
    },
    RUN_MS,
  );

  inBrowser(
    "is hidden until the token is given, which is kept nowhere",
    async () => {
      const { runner, url } = await startPage({ AUTH_TOKEN: "canary-1f9c", PAGE_CALLS: "1" });
      await using _ = runner;
      await using visited = await visit(url);
      const { page, requests } = visited;
      await stateIs(page, "Running");
      expect(await page.locator("body").innerText()).not.toMatch(/everything|sha256|echo/i);
      await page.getByLabel("token").fill("wrong");
      await page.keyboard.press("Enter");
      await page.getByText("That is not the token.").waitFor();
      await page.getByLabel("token").fill("canary-1f9c");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Everything" }).waitFor();
      await page.locator("summary", { hasText: "echo" }).click();
      const tool = page.locator("#tools details[open]");
      await tool.getByLabel("message").fill("hello");
      await page.keyboard.press("Enter");
      await tool.getByText("Echo: hello").waitFor();

      expect(await page.evaluate(KEPT)).not.toContain("canary-1f9c");
      expect(await page.context().cookies()).toEqual([]);
      expect(requests.join()).not.toContain("canary-1f9c");
      await page.reload();
      await page.getByLabel("token").waitFor();
      expect(await page.locator("body").innerText()).not.toMatch(/everything|sha256|echo/i);
      expect(runner.process.exitCode).toBeNull();
      runner.process.kill("SIGTERM");
      expect((await runner.end()).stderr).not.toContain("canary-1f9c");
    },
    RUN_MS,
  );
});

inBrowser(
  "a start that failed is explained, with what to do",
  async () => {
    const { runner, url } = await startPage({
      IMAGE: `${registry.host}/acme/nothing:1`,
      START_FAILURE: "page",
    });
    await using _ = runner;
    await using visited = await visit(url);
    const { page } = visited;
    await stateIs(page, "Failed");
    const text = await page.getByRole("region", { name: "The start failed" }).innerText();
    expect(text).toContain("acme/nothing");
    expect(text).toMatch(/[A-Z]+_[A-Z_]+, while asking for the image/);
    expect(text.split("\n").length).toBeGreaterThan(3);
  },
  RUN_MS,
);

inBrowser(
  "a server with a port of its own and nothing at `/` has the page as well",
  async () => {
    const { runner, url } = await startPage({
      IMAGE: `${registry.host}/acme/everything:http`,
      SERVER_TRANSPORT: "auto",
    });
    await using _ = runner;
    await using visited = await visit(url);
    const { page } = visited;
    await stateIs(page, "Running");
    await page.reload();
    await page.getByRole("heading", { name: "Everything" }).waitFor();
    expect(await page.locator("dl").innerText()).toContain("at its port 8123");
  },
  RUN_MS,
);

/** Everything that a page can leave behind, and its own text. */
const KEPT = `
  JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, history.state, name])
    + document.documentElement.outerHTML + Array.from(document.querySelectorAll("input, textarea"), (e) => e.value)`;
