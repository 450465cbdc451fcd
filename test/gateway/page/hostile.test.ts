// A server that says of itself, and answers, whatever could make a page do something: in a real browser.

import { afterAll, expect } from "bun:test";
import type { Page } from "playwright-core";
import { browserProblem, closeBrowser, visit } from "../../support/browser.ts";
import { unless } from "../../support/requirements.ts";
import { catalogueWith, openPageServer } from "./page-server.ts";

const inBrowser = unless(browserProblem());
const BROWSER_MS = 60_000;

afterAll(closeBrowser);

const MARKUP = [
  `<script>window.caught = 1</script>`,
  `<img src="https://outside.example/x" onerror="window.caught = 1">`,
  `"><svg onload="window.caught = 1"><iframe src="https://outside.example/"></iframe>`,
  `</script></style></textarea></title><link rel=stylesheet href=//outside.example/x>`,
  `javascript:window.caught=1//`,
  `<style>@import url(https://outside.example/x)</style><base href="https://outside.example/">`,
  `<form action="https://outside.example/"><meta http-equiv=refresh content="0;url=https://outside.example/">`,
].join("\n");
const REPAINT = "\u202egnp.exe\u0000\u001b[2J\u0007\u2066\u2028\ufeff عربى \ud800";
const LONG = "w".repeat(3_000_000);

const hostileSchema = JSON.parse(`{
  "type": ["object", 7, null], "required": "__proto__",
  "properties": {
    "__proto__": { "type": "string", "description": "polluted", "default": "p" },
    "constructor": { "type": "integer", "enum": [] }, "toString": null, "hasOwnProperty": 7,
    "<b>x</b>": { "type": "<script>window.caught = 1</script>", "description": { "a": 1 } },
    "choice": { "enum": ["</option></select><script>window.caught = 1</script>", 1e400, null, {}] },
    "number": { "type": "number", "default": "NaN" }, "x\u202ey": { "type": "string" }, "": { "anyOf": [null, 7, {}] }
  }
}`);

const hostile = catalogueWith({
  unsafeName: MARKUP + REPAINT,
  unsafeVersion: MARKUP,
  protocolVersions: [MARKUP],
  unsafeInstructions: MARKUP + REPAINT + LONG,
  tools: [
    { name: MARKUP, title: MARKUP, description: MARKUP, inputSchema: hostileSchema },
    { name: "__proto__", description: REPAINT, inputSchema: hostileSchema },
    { name: LONG, description: LONG },
    {
      name: "long",
      description: LONG,
      inputSchema: { properties: { [LONG]: {}, a: { title: LONG } } },
    },
    null,
    7,
    [],
    "x",
    { name: {} },
    { name: ["x"], inputSchema: "x" },
    { name: "typeless", description: { toString: 7 }, inputSchema: [], annotations: { title: {} } },
  ],
  resources: [{ name: "link", uri: "javascript:window.caught=1", description: MARKUP }, 7],
  prompts: [
    { name: MARKUP, arguments: [{ name: MARKUP, description: MARKUP }, 7, { name: "__proto__" }] },
    { name: "p", arguments: { length: 3 } },
  ],
});

const hostileResult = {
  isError: MARKUP,
  content: [
    { type: "text", text: MARKUP + REPAINT },
    { type: "text", text: LONG },
    { type: "text", text: { toString: 7 } },
    { type: "image", mimeType: "text/html", data: MARKUP },
    {
      type: "image",
      mimeType: "image/svg+xml",
      data: btoa(
        `<svg xmlns="http://www.w3.org/2000/svg"><script>window.caught = 1</script><image href="https://outside.example/x"/></svg>`,
      ),
    },
    { type: "image", mimeType: 'image/png,"><script>', data: "x" },
    { type: "resource_link", uri: "javascript:window.caught=1", name: MARKUP },
    null,
    7,
  ],
};

inBrowser(
  "runs no script, reaches nobody else, reorders nothing and leaves the page whole",
  async () => {
    await using server = openPageServer({ calls: true, result: hostileResult });
    server.front.describe({ image: MARKUP, digest: REPAINT, way: MARKUP, catalogue: hostile });
    server.front.tell({ state: "serving" });
    await using visited = await visit(server.url, { viewport: { width: 390, height: 844 } });
    const { page, requests, complaints } = visited;
    await page.locator("#tools summary").first().waitFor();
    for (const summary of await page.locator("summary:visible").all()) await summary.click();
    const form = page.locator("#tools form").nth(1);
    await form.getByRole("button", { name: "Call" }).click();
    await form.locator(".result img").waitFor();

    expect(await page.evaluate("window.caught")).toBeUndefined();
    expect(await page.evaluate("({}).polluted ?? Object.keys(Object.prototype).length")).toBe(0);
    expect(
      requests.filter((url) => !url.startsWith(server.url) && !url.startsWith("data:")),
    ).toEqual([]);
    expect(complaints).toEqual([]);
    expect(await foreignElements(page)).toEqual([]);
    expect(await page.locator("#tools summary").count()).toBe(3);
    expect(await page.locator("#tools-more").textContent()).toBe("8 more cannot be shown here.");
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    await form.locator(".result").evaluate((result) => result.remove());
    expect(await page.locator("main").innerText()).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
  },
  BROWSER_MS,
);

inBrowser(
  "gets arguments by the very names that it gave them",
  async () => {
    await using server = openPageServer({ calls: true, result: { content: [] } });
    server.front.describe({ catalogue: hostile });
    await using visited = await visit(server.url);
    const { page } = visited;
    await page.locator("#tools summary").nth(1).click();
    const form = page.locator("#tools form").nth(1);
    await form.getByLabel("__proto__").fill("mine");
    await form.getByLabel("number").fill("12345678901234567890");
    await form.getByLabel(String.raw`x\u202ey`).fill("z");
    await form.getByLabel("__proto__").press("Enter");
    await form.getByText("Answered").waitFor();
    const call = server.messages.find((message) => message.includes("tools/call"));
    expect(call).toContain(
      '"params":{"name":"__proto__","arguments":{"__proto__":"mine","number":12345678901234567890,"x\u202ey":"z"}}',
    );
  },
  BROWSER_MS,
);

/** Elements that the page does not make by itself. */
function foreignElements(page: Page): Promise<unknown> {
  return page.evaluate(`
    Array.from(document.querySelectorAll("a, base, iframe, object, embed, svg, video, body link, body style, body meta"), (e) => e.outerHTML)
      .concat(Array.from(document.querySelectorAll("script"), (e) => e.textContent).slice(1))
      .concat(Array.from(document.querySelectorAll("[onerror], [onload], [href]:not(link), [action]"), (e) => e.outerHTML))
  `);
}
