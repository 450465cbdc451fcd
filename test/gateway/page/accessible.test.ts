// The page for people without a mouse, without eyes, with a phone, in the dark: what the browser itself says of it, and
// what axe finds.

import { afterAll, describe, expect } from "bun:test";
import { join } from "node:path";
import type { BrowserContextOptions, Page } from "playwright-core";
import type { Phase } from "../../../src/gateway/status.ts";
import { browserProblem, closeBrowser, visit } from "../../support/browser.ts";
import { unless } from "../../support/requirements.ts";
import { catalogueWith, openPageServer, type PageServer } from "./page-server.ts";

const inBrowser = unless(browserProblem());
const BROWSER_MS = 60_000;
const AXE = join(Bun.resolveSync("axe-core/package.json", import.meta.dir), "../axe.min.js");
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

afterAll(closeBrowser);

const CATALOGUE = catalogueWith({
  unsafeInstructions: "Ask for a city.",
  tools: [
    {
      name: "forecast",
      description: `What the weather will be. ${"It is said at length. ".repeat(10)}`,
      inputSchema: {
        properties: {
          city: { type: "string", description: "Where" },
          days: { type: "integer" },
          unit: { enum: ["C", "F"] },
          options: { type: "object" },
        },
        required: ["city"],
      },
    },
    { name: "ping" },
  ],
  resources: [{ name: "map", uri: `weather://${"map/".repeat(40)}` }],
  prompts: [{ name: "report", arguments: [{ name: "city", required: true }] }],
});

const STATES: Readonly<Record<string, Phase>> = {
  starting: {
    state: "starting",
    stage: "extract",
    progress: { receivedBytes: 38_200_000, totalBytes: 127_700_000, layersDone: 3, layers: 8 },
  },
  serving: { state: "serving" },
  failed: {
    state: "failed",
    failure: { stage: "extract", code: "DISK_FULL", message: "m".repeat(300), hint: "Make room." },
  },
};

function openState(name: string, options: { readonly token?: string } = {}): PageServer {
  const result = { content: [{ type: "text", text: "r".repeat(500) }] };
  const server = openPageServer({ calls: true, result, ...options });
  const digest = `sha256:${"5d0e".repeat(16)}`;
  server.front.describe({ image: "ghcr.io/acme/weather:1", digest, way: "at its port 8000" });
  if (name === "serving") server.front.describe({ catalogue: CATALOGUE });
  server.front.tell(STATES[name] ?? { state: "serving" });
  return server;
}

async function settled(page: Page): Promise<void> {
  await page.getByText(/^(?:Starting|Running|Failed)$/).waitFor();
  for (const summary of await page.locator("summary:visible").all()) await summary.click();
  const call = page.getByRole("button", { name: "Call" });
  if ((await call.count()) === 0) return;
  await call.last().click();
  await page.getByText("Answered in").waitFor();
}

const FORCED = "with forced colours and without motion";
const LOOKS: Readonly<Record<string, BrowserContextOptions>> = {
  "in the light": { colorScheme: "light" },
  "in the dark": { colorScheme: "dark" },
  "on a phone": PHONE,
  [FORCED]: { forcedColors: "active", reducedMotion: "reduce" },
};

for (const [look, options] of Object.entries(LOOKS)) {
  describe(look, () => {
    for (const state of ["starting", "serving", "failed", "locked"]) {
      inBrowser(
        `the page that is ${state} has nothing that axe finds, and fits`,
        async () => {
          await using server = openState(state, state === "locked" ? { token: "x" } : {});
          await using visited = await visit(server.url, { ...options, bypassCSP: true });
          const { page } = visited;
          await settled(page);
          expect(await violations(page)).toEqual([]);
          expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(
            await page.evaluate("innerWidth"),
          );
        },
        BROWSER_MS,
      );
    }
  });
}

inBrowser(
  "the bar moves for eyes that need forced colours, and nothing moves for those that want no motion",
  async () => {
    await using server = openState("starting");
    await using visited = await visit(server.url, LOOKS[FORCED]);
    const { page } = visited;
    const bar = page.getByRole("progressbar");
    const before = await bar.screenshot();
    await page.evaluate("document.querySelector('progress').value *= 2");
    expect((await bar.screenshot()).equals(before)).toBe(false);
    const moving =
      "getComputedStyle(document.querySelector('summary'), '::after').transitionDuration";
    expect(await page.evaluate(moving)).toBe("0s");
  },
  BROWSER_MS,
);

inBrowser(
  "all of it is reached by the keyboard, in the order of the page, and one sees where one is",
  async () => {
    await using server = openState("serving");
    await using visited = await visit(server.url);
    const { page } = visited;
    await page.getByRole("heading", { name: "Weather" }).waitFor();
    const first = await tabThrough(page, 6);
    expect(first.map(({ name }) => name)).toEqual([
      "address",
      "Copy",
      "Claude Code",
      "configuration",
      "Copy",
      "forecast",
    ]);
    expect(first.filter(({ isVisible }) => !isVisible)).toEqual([]);

    await page.keyboard.press("Enter");
    const inside = await tabThrough(page, 5);
    expect(inside.map(({ name }) => name)).toEqual(["city", "days", "unit", "options", "Call"]);
    expect(inside.filter(({ isVisible }) => !isVisible)).toEqual([]);
    for (let back = 0; back < 4; back += 1) await page.keyboard.press("Shift+Tab");
    await page.keyboard.type("Oslo");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("Bergen");
    await page.keyboard.press("Enter");
    await page.getByText("Answered in").waitFor();
    expect(server.messages.join()).toContain(String.raw`"city":"Oslo\nBergen"`);
  },
  BROWSER_MS,
);

inBrowser(
  "clients are chosen by the arrow keys, and what each wants to read is copied by its button",
  async () => {
    await using server = openState("serving");
    await using visited = await visit(server.url, {
      permissions: ["clipboard-read", "clipboard-write"],
    });
    const { page } = visited;
    const url = `${server.url}mcp`;
    await page.getByRole("radio", { name: "Claude Code" }).focus();
    const copied: Record<string, string> = {};
    for (const client of ["Claude Code", "Claude Desktop", "Cursor", "VS Code", "Codex"]) {
      expect(await page.getByRole("radio", { name: client }).isChecked()).toBe(true);
      await page.locator("#connect button").last().click();
      copied[client] = String(await page.evaluate("navigator.clipboard.readText()"));
      await page.getByRole("radio", { name: client }).focus();
      await page.keyboard.press("ArrowDown");
    }
    expect(copied["Claude Code"]).toBe(`claude mcp add --transport http weather ${url}`);
    expect(JSON.parse(copied["Claude Desktop"] ?? "")).toEqual({
      mcpServers: { weather: { command: "npx", args: ["-y", "mcp-remote", url] } },
    });
    expect(JSON.parse(copied["Cursor"] ?? "")).toEqual({ mcpServers: { weather: { url } } });
    expect(JSON.parse(copied["VS Code"] ?? "")).toEqual({
      servers: { weather: { type: "http", url } },
    });
    expect(Bun.TOML.parse(copied["Codex"] ?? "")).toEqual({ mcp_servers: { weather: { url } } });
  },
  BROWSER_MS,
);

inBrowser(
  "a client is told where its token goes, and never the token",
  async () => {
    await using server = openState("serving", { token: "canary-77aa" });
    await using visited = await visit(server.url);
    const { page } = visited;
    await page.getByLabel("token").fill("canary-77aa");
    await page.keyboard.press("Enter");
    const texts: string[] = [];
    for (const client of ["Claude Code", "Claude Desktop", "Cursor", "VS Code", "Codex"]) {
      await page.getByRole("radio", { name: client }).check();
      texts.push((await page.locator("#configuration").textContent()) ?? "");
    }
    const [claudeCode, claudeDesktop, cursor, vsCode, codex] = texts;
    expect(claudeCode).toEndWith(` --header "Authorization: Bearer YOUR_TOKEN"`);
    expect(JSON.parse(claudeDesktop ?? "").mcpServers.weather.env).toEqual({
      AUTH_HEADER: "Bearer YOUR_TOKEN",
    });
    const { headers } = JSON.parse(cursor ?? "").mcpServers.weather;
    expect(headers).toEqual({ Authorization: "Bearer YOUR_TOKEN" });
    const { inputs, servers } = JSON.parse(vsCode ?? "");
    expect(servers.weather.headers).toEqual({ Authorization: "Bearer ${input:token}" });
    expect(inputs).toMatchObject([{ type: "promptString", id: "token", password: true }]);
    expect(codex).toContain('bearer_token_env_var = "MCP_TOKEN"');
    expect(texts.join()).not.toContain("canary-77aa");
  },
  BROWSER_MS,
);

inBrowser(
  "a screen reader is told what each part is",
  async () => {
    await using server = openState("serving");
    await using visited = await visit(server.url);
    const { page } = visited;
    await page.getByRole("heading", { name: "Weather" }).waitFor();
    const tree = await page.locator("body").ariaSnapshot();
    for (const line of [
      "- main:",
      "- status: Running",
      '- heading "Weather" [level=1]',
      '- region "Connect"',
      '- group "Client"',
      '- radio "Claude Code" [checked]',
      '- region "Tools 2"',
    ]) {
      expect(tree).toContain(line);
    }
  },
  BROWSER_MS,
);

async function violations(page: Page): Promise<unknown> {
  await page.evaluate(await Bun.file(AXE).text());
  return await page.evaluate(`axe.run().then(({ violations }) =>
    violations.map(({ id, nodes }) => ({ id, at: nodes.map(({ html }) => html.slice(0, 200)) })))`);
}

interface Stop {
  readonly name: string;
  /** The browser draws something around it. */
  readonly isVisible: boolean;
}

async function tabThrough(page: Page, times: number): Promise<readonly Stop[]> {
  const stops: Stop[] = [];
  for (let stop = 0; stop < times; stop += 1) {
    await page.keyboard.press("Tab");
    stops.push((await page.evaluate(WHERE)) as Stop); // what the expression below makes
  }
  return stops;
}

const WHERE = `(() => {
  const at = document.activeElement;
  const drawn = at.type === "radio" ? at.parentElement : at;
  const { outlineStyle, outlineWidth } = getComputedStyle(drawn);
  const label = at.labels?.[0]?.querySelector("code") ?? at.labels?.[0] ?? at.querySelector?.("strong") ?? at;
  const name = at.tagName === "PRE" ? at.id : label.textContent;
  return { name, isVisible: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 };
})()`;
