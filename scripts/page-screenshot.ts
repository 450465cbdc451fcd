// Renews the README's picture of the page on `/`: a real server from npm behind the gateway, in a real browser, under
// the name that a Space would have.
//
//   bun scripts/page-screenshot.ts

import { join } from "node:path";
import { readCatalogue } from "../src/gateway/catalogue.ts";
import { openBridge } from "../src/gateway/bridge/bridge.ts";
import { startServerChild } from "../src/system/server-child.ts";
import { everythingServer } from "../test/gateway/support/servers.ts";
import { openPageServer } from "../test/gateway/page/page-server.ts";
import { closeBrowser, visit } from "../test/support/browser.ts";

const PICTURE = join(import.meta.dir, "../docs/page.png");
const ADDRESS = "https://acme-everything.hf.space";
const SUBJECT = {
  image: "ghcr.io/acme/everything:1",
  digest: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  way: "over its standard input and output",
};
const SIZE = { width: 800, height: 1000 };

async function main(): Promise<void> {
  const endpoint = openBridge({ start: startEverything, limits: LIMITS });
  await using server = openPageServer({ endpoint });
  server.front.describe({ ...SUBJECT, catalogue: await readCatalogue(endpoint, "/mcp") });
  server.front.tell({ state: "serving" });
  await using visited = await visit("about:blank", { viewport: SIZE, deviceScaleFactor: 1.2 });
  const { page } = visited;
  await page.route(`${ADDRESS}/**`, async (route) => {
    const url = route.request().url().replace(`${ADDRESS}/`, server.url);
    const headers = { ...route.request().headers(), origin: new URL(server.url).origin };
    await route.fulfill({ response: await route.fetch({ url, headers }) });
  });
  await page.goto(`${ADDRESS}/`);
  await page.getByText("Echo Tool").waitFor();
  await page.screenshot({ path: PICTURE });
}

function startEverything(options: Parameters<typeof startServerChild>[1]) {
  const { argv } = everythingServer();
  const env = { PATH: Bun.env["PATH"] ?? "" };
  return startServerChild({ argv, env, maxLineBytes: 1_000_000, onStderr() {} }, options);
}

const LIMITS = {
  maxSessions: 4,
  sessionIdleMs: 60_000,
  sessionMaxAgeMs: 60_000,
  maxBodyBytes: 1_000_000,
  maxLineBytes: 1_000_000,
  startTimeoutMs: 30_000,
};

await main();
await closeBrowser();
