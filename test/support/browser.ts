// A real Chromium without a window. What a page does there that it should not is kept for the test to look at: scripts
// that run, requests that go elsewhere, violations of its policy, errors.

import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type ConsoleMessage,
  type Page,
} from "playwright-core";
import { programProblem } from "./requirements.ts";

export interface Visit extends AsyncDisposable {
  readonly page: Page;
  /** Every address that was asked for. */
  readonly requests: readonly string[];
  /** Errors, warnings and violations, as the browser words them. */
  readonly complaints: readonly string[];
}

/** What keeps tests from having a browser, if anything. */
export function browserProblem(): string | undefined {
  return programProblem("chromium");
}

let started: Promise<Browser> | undefined;

/** Opens the address in a browser window of its own, whose cookies and storage nobody shares. */
export async function visit(url: string, options: BrowserContextOptions = {}): Promise<Visit> {
  started ??= startBrowser();
  const context = await (await started).newContext(options);
  const page = await context.newPage();
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (isComplaint(message)) complaints.push(message.text());
  });
  page.on("dialog", (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(url);
  return { page, requests, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/** For the end of a test file. */
export async function closeBrowser(): Promise<void> {
  await (await started)?.close();
  started = undefined;
}

function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: Bun.which("chromium") ?? "",
    // Its own sandbox wants user namespaces, which a container may not have; it only sees pages of these tests.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

function isComplaint(message: ConsoleMessage): boolean {
  return message.type() === "error" || message.type() === "warning";
}
