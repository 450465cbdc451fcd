// What a server says of itself and offers, asked once, the way a client asks: through the endpoint that all clients
// use, whatever is behind it.

import { GATEWAY_INFO } from "./bridge/modern-terms.ts";
import { SESSION_REVISIONS } from "./bridge/revisions.ts";
import type { Caller, Endpoint } from "./endpoint.ts";
import { isMembers, type Members } from "./rpc/envelope.ts";
import type { Catalogue } from "./status.ts";

/** Pages of one list; a server that has more is not listed in full. */
const MAX_PAGES = 20;

const LISTS = ["tools", "resources", "prompts"] as const;
type List = (typeof LISTS)[number];

const CALLER: Caller = { principal: "the runner itself" };

/**
 * Asks for it in a session of its own, which is closed afterwards. Throws where the server does not answer as MCP
 * wants it to.
 */
export async function readCatalogue(endpoint: Endpoint, mcpPath: string): Promise<Catalogue> {
  const client = new SessionClient(endpoint, mcpPath);
  const greeting = await client.open();
  try {
    const info = isMembers(greeting["serverInfo"]) ? greeting["serverInfo"] : {};
    const offered = isMembers(greeting["capabilities"]) ? greeting["capabilities"] : {};
    const lists: Partial<Record<List, readonly unknown[]>> = {};
    for (const list of LISTS) if (list in offered) lists[list] = await client.list(list);
    const { instructions } = greeting;
    return {
      unsafeName: textOf(info["title"]) ?? textOf(info["name"]) ?? "",
      unsafeVersion: textOf(info["version"]) ?? "",
      protocolVersions: [textOf(greeting["protocolVersion"]) ?? ""],
      ...(typeof instructions === "string" ? { unsafeInstructions: instructions } : {}),
      tools: lists.tools ?? [],
      resources: lists.resources ?? [],
      prompts: lists.prompts ?? [],
    };
  } finally {
    await client.close();
  }
}

/** The least of a client: one request at a time, and nothing that the server asks is answered. */
class SessionClient {
  readonly #endpoint: Endpoint;
  readonly #url: string;
  readonly #headers: Record<string, string> = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  #nextId = 1;

  constructor(endpoint: Endpoint, mcpPath: string) {
    this.#endpoint = endpoint;
    this.#url = `http://127.0.0.1${mcpPath}`;
  }

  async open(): Promise<Members> {
    const result = await this.#ask("initialize", {
      protocolVersion: SESSION_REVISIONS[0],
      capabilities: {},
      clientInfo: GATEWAY_INFO,
    });
    const { protocolVersion } = result;
    if (typeof protocolVersion === "string") {
      this.#headers["mcp-protocol-version"] = protocolVersion;
    }
    await this.#post({ method: "notifications/initialized" });
    return result;
  }

  async list(list: List): Promise<readonly unknown[]> {
    const entries: unknown[] = [];
    let cursor: unknown;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const result = await this.#ask(`${list}/list`, cursor === undefined ? {} : { cursor });
      const found = result[list];
      if (Array.isArray(found)) entries.push(...found);
      cursor = result["nextCursor"];
      if (typeof cursor !== "string") break;
    }
    return entries;
  }

  async close(): Promise<void> {
    if (this.#headers["mcp-session-id"] === undefined) return;
    const request = new Request(this.#url, { method: "DELETE", headers: this.#headers });
    await (await this.#endpoint.handle(request, CALLER)).body?.cancel();
  }

  async #ask(method: string, params: Members): Promise<Members> {
    const id = this.#nextId;
    this.#nextId += 1;
    const response = await this.#post({ id, method, params });
    const session = response.headers.get("mcp-session-id");
    if (session !== null) this.#headers["mcp-session-id"] = session;
    const answer = await answerIn(response, id);
    if (isMembers(answer["result"])) return answer["result"];
    throw new Error(`${method} was answered with status ${response.status} and no result`);
  }

  #post(message: Members): Promise<Response> {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    const request = new Request(this.#url, { method: "POST", headers: this.#headers, body });
    return this.#endpoint.handle(request, CALLER);
  }
}

/** The answer with this id, in a body of JSON or among the events of a stream. */
async function answerIn(response: Response, id: number): Promise<Members> {
  const streams = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  if (!streams) return membersIn(await response.text());
  // Its stream ends with the answer.
  const events = (await response.text()).split(/\r?\n\r?\n/);
  return events.map((event) => membersIn(dataOf(event))).find((found) => found["id"] === id) ?? {};
}

function dataOf(event: string): string {
  const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  return lines.map((line) => line.slice("data:".length).trimStart()).join("\n");
}

function membersIn(text: string): Members {
  try {
    const value: unknown = JSON.parse(text);
    return isMembers(value) ? value : {};
  } catch {
    return {};
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
