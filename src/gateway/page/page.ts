// The page on `/` and what it asks: one document with everything in it, which no other site than Hugging Face's may
// frame, and which may load nothing and talk to nobody but this server.

import { type FrontState, RUNNER_PATHS } from "../front/front.ts";
import type { Catalogue } from "../status.ts";
import { type Description, describeServer } from "./description.ts";
import { createDocument, type PageDocument } from "./document.ts";
import { statusOf } from "./page-status.ts";

export interface PageOptions {
  readonly mcpPath: string;
  /** Visitors may call tools. */
  readonly calls: boolean;
  /** Nobody has to show a token. */
  readonly open: boolean;
  /** Clients speak the transport of 2024-11-05. */
  readonly sse: boolean;
}

const PAGE_PATH = "/";
/** How far the runner is; asked for again and again. */
const STATUS_PATH = `${RUNNER_PATHS}status`;
/** What the server is; asked for once. */
const SERVER_PATH = `${RUNNER_PATHS}server`;

/** Answers for the page's paths. */
export function createPage(
  options: PageOptions,
): (request: Request, state: FrontState) => Response | undefined {
  const document = createDocument();
  const describe = rememberLast(describeServer);
  return (request, state) => {
    if (request.method !== "GET" && request.method !== "HEAD") return undefined;
    switch (new URL(request.url).pathname) {
      case PAGE_PATH:
        return documentResponse(request, document);
      case STATUS_PATH:
        return privateJson(statusOf(state, options));
      case SERVER_PATH:
        return serverResponse(state, describe);
      default:
        return undefined;
    }
  };
}

function documentResponse(request: Request, { html, gzipped, headers }: PageDocument): Response {
  const takesGzip = /\bgzip\b/.test(request.headers.get("accept-encoding") ?? "");
  return takesGzip
    ? new Response(gzipped, { headers: { ...headers, "content-encoding": "gzip" } })
    : new Response(html, { headers });
}

// What a server says of itself is for those who may use it.
function serverResponse(
  { subject: { catalogue }, trusted }: FrontState,
  describe: (catalogue: Catalogue) => Description,
): Response {
  if (!trusted) return privateJson({ error: "a token is wanted" }, 401);
  if (catalogue === undefined)
    return privateJson({ error: "the server has not answered yet" }, 404);
  return privateJson(describe(catalogue));
}

function privateJson(value: object, status = 200): Response {
  const headers = { "cache-control": "no-store", "x-content-type-options": "nosniff" };
  return Response.json(value, { status, headers });
}

function rememberLast<Input, Output>(compute: (input: Input) => Output): (input: Input) => Output {
  let last: { readonly input: Input; readonly output: Output } | undefined;
  return (input) => {
    if (last === undefined || last.input !== input) last = { input, output: compute(input) };
    return last.output;
  };
}
