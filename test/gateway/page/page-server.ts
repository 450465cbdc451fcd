// The runner's front with its page, over a server that is only told of: what a visitor meets, without anything started.

import type { Endpoint } from "../../../src/gateway/endpoint.ts";
import type { Front } from "../../../src/gateway/front/front.ts";
import { createPage, type PageOptions } from "../../../src/gateway/page/page.ts";
import type { Catalogue } from "../../../src/gateway/status.ts";
import { localFront } from "../support/local-front.ts";

export interface PageServerOptions extends Partial<PageOptions> {
  readonly token?: string;
  /** The result of every call, or of none. */
  readonly result?: unknown;
  readonly endpoint?: Endpoint;
}

export interface PageServer extends AsyncDisposable {
  readonly url: string;
  readonly front: Front;
  /** The bodies of what came to the MCP path. */
  readonly messages: readonly string[];
}

/** Opens it on a free port. It is starting until it is told otherwise. */
export function openPageServer(options: PageServerOptions = {}): PageServer {
  const { token, result = {}, endpoint, ...pageOptions } = options;
  const messages: string[] = [];
  const front = localFront({
    healthPath: "/health",
    rules: { token, hosts: [], origins: [] },
    page: createPage({
      mcpPath: "/mcp",
      calls: false,
      sse: false,
      open: token === undefined,
      ...pageOptions,
    }),
  });
  front.serve(endpoint ?? answering(result, messages));
  return {
    url: `http://127.0.0.1:${front.port}/`,
    front,
    messages,
    [Symbol.asyncDispose]: () => front.close(0),
  };
}

/** What a server of one tool says of itself, but for these members. */
export function catalogueWith(members: Partial<Catalogue> = {}): Catalogue {
  return {
    unsafeName: "Weather",
    unsafeVersion: "1.2.0",
    protocolVersions: ["2025-11-25"],
    tools: [{ name: "forecast", description: "What the weather will be." }],
    resources: [],
    prompts: [],
    ...members,
  };
}

function answering(result: unknown, messages: string[]): Endpoint {
  return {
    async handle(request) {
      const text = await request.text();
      messages.push(text);
      const { id, method } = text === "" ? {} : JSON.parse(text);
      if (id === undefined) return new Response(null, { status: 202 });
      const answer = method === "initialize" ? { protocolVersion: "2025-11-25" } : result;
      return Response.json({ jsonrpc: "2.0", id, result: answer });
    },
    close: async () => {},
  };
}
