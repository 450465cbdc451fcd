// Whose pages may show this one in a frame, as a real browser sees it.

import { afterAll, expect } from "bun:test";
import { browserProblem, closeBrowser, visit } from "../../support/browser.ts";
import { unless } from "../../support/requirements.ts";
import { openPageServer } from "./page-server.ts";

const inBrowser = unless(browserProblem());
const BROWSER_MS = 60_000;

afterAll(closeBrowser);

const HEADING = "MCP server";

/** What a page of that origin sees of ours in a frame. */
async function framedBy(origin: string): Promise<{ heading: string | null; refused: boolean }> {
  await using server = openPageServer();
  await using visited = await visit("about:blank");
  const { page, complaints } = visited;
  // The browser would ask its user first, who is nobody here.
  await page.context().grantPermissions(["local-network-access"], { origin });
  await page.route(`${origin}/`, (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `<iframe src="${server.url}" onload="document.title = 'loaded'"></iframe>`,
    }),
  );
  await page.goto(`${origin}/`);
  await page.waitForFunction("document.title === 'loaded'");
  const [, frame] = page.frames();
  const heading = frame?.url() === server.url ? await frame.locator("h1").textContent() : null;
  return { heading, refused: complaints.some((text) => text.includes("frame-ancestors")) };
}

for (const origin of ["https://huggingface.co", "https://acme-weather.hf.space"]) {
  inBrowser(
    `${origin} may`,
    async () => {
      expect(await framedBy(origin)).toEqual({ heading: HEADING, refused: false });
    },
    BROWSER_MS,
  );
}

for (const origin of [
  "https://outside.example",
  "https://huggingface.co.outside.example",
  "https://hf.space",
]) {
  inBrowser(
    `${origin} may not`,
    async () => {
      expect(await framedBy(origin)).toEqual({ heading: null, refused: true });
    },
    BROWSER_MS,
  );
}
