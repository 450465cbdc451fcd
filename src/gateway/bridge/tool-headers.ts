// Which arguments of the server's tools have to be repeated in headers: the server's own list of tools, kept until it
// says that the list has changed.

import { isMembers, type Members, parseEnvelope, type RpcRequest } from "../rpc/envelope.ts";
import type { Asker, ModernChild } from "./modern-child.ts";
import { modernRequest } from "./modern-terms.ts";
import { type ParameterHeader, parameterHeaders, parameterProblem } from "./parameter-headers.ts";

type Declared = ReadonlyMap<string, readonly ParameterHeader[]>;

/** Pages of the list; a server that has more goes round in a circle. */
const MAX_PAGES = 256;
/** How long calls wait for the list; one that does not come holds nothing up and declares nothing. */
const PATIENCE_MS = 10_000;
/** Wrong calls may come thick and fast. */
const RELOAD_MS = 5_000;

export class ToolHeaders {
  readonly #child: ModernChild;
  #declared: Promise<Declared>;
  #reloadedAt = -RELOAD_MS;

  /** Asks the server to be told of changes, then for its tools, so that no change is between the two. */
  constructor(child: ModernChild) {
    this.#child = child;
    const params = { notifications: { toolsListChanged: true } };
    child.ask(modernRequest("tools", "subscriptions/listen", params), {
      ...DEAF,
      tell: (line) => {
        if (!line.includes("notifications/subscriptions/acknowledged"))
          this.#declared = this.#load();
      },
    });
    this.#declared = this.#load();
  }

  /**
   * What is wrong with the headers of this call, as a sentence. One that seems wrong is judged again by the list as it
   * is now, unless it was read again a moment ago: not every server tells of its changes.
   */
  async problemIn(headers: Headers, { params }: RpcRequest): Promise<string | undefined> {
    const judge = async () => {
      const declared = (await this.#declared).get(String(params?.["name"])) ?? [];
      return parameterProblem(declared, params?.["arguments"], headers);
    };
    const problem = await judge();
    const now = performance.now();
    if (problem !== undefined && now - this.#reloadedAt > RELOAD_MS) {
      this.#reloadedAt = now;
      this.#declared = this.#load();
    }
    return problem === undefined ? undefined : judge();
  }

  async #load(): Promise<Declared> {
    const declared = new Map<string, readonly ParameterHeader[]>();
    let cursor: unknown;
    for (let page = 0; page < MAX_PAGES; page++) {
      const result = await resultOf(this.#child, cursor === undefined ? {} : { cursor });
      const tools = result?.["tools"];
      for (const tool of Array.isArray(tools) ? tools : []) {
        if (!isMembers(tool) || typeof tool["name"] !== "string") continue;
        const headers = parameterHeaders(tool["inputSchema"]);
        if (headers.length > 0) declared.set(tool["name"], headers);
      }
      cursor = result?.["nextCursor"];
      if (typeof cursor !== "string") break;
    }
    return declared;
  }
}

const DEAF: Asker = { tell() {}, answer() {}, unsubscribed() {}, fail() {} };

/** Undefined where it answers with an error, or not at all. */
async function resultOf(child: ModernChild, params: Members): Promise<Members | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const timer = setTimeout(resolve, PATIENCE_MS);
  child.ask(modernRequest("tools", "tools/list", params), {
    ...DEAF,
    answer: (line) => resolve(line),
    fail: () => resolve(undefined),
  });
  const answer = parseEnvelope((await promise) ?? "");
  clearTimeout(timer);
  return answer.kind === "response" && isMembers(answer.result) ? answer.result : undefined;
}
