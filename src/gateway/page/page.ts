// The page on `/` and what it asks: one document with everything in it, which no other site than Hugging Face's may
// frame, and which may load nothing and talk to nobody but this server.

import type { FrontState } from "../front/front.ts";
import client from "./client.js" with { type: "text" };
import style from "./page.css" with { type: "text" };
import body from "./page.html" with { type: "text" };

export interface PageOptions {
  readonly mcpPath: string;
  /** Visitors may call tools. */
  readonly calls: boolean;
  /** Nobody has to show a token. */
  readonly open: boolean;
}

export const PAGE_PATH = "/";
export const STATUS_PATH = "/_runner/status";

/** Answers for the page's paths. */
export function createPage(
  options: PageOptions,
): (request: Request, state: FrontState) => Response | undefined {
  return (request, state) => {
    if (request.method !== "GET" && request.method !== "HEAD") return undefined;
    switch (new URL(request.url).pathname) {
      case PAGE_PATH:
        return documentResponse();
      case STATUS_PATH:
        return statusResponse(state, options);
      default:
        return undefined;
    }
  };
}

const DOCUMENT = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>MCP server</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
${body}
<script>${client}</script>
</body>
</html>
`;

const POLICY = [
  "default-src 'none'",
  `script-src '${hashOf(client)}'`,
  `style-src '${hashOf(style)}'`,
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors https://huggingface.co https://*.hf.space",
].join("; ");

function documentResponse(): Response {
  return new Response(DOCUMENT, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": POLICY,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "no-cache",
    },
  });
}

// What a server says of itself is for those who may use it; that it is there, and what is wrong with it, is for all.
function statusResponse({ phase, subject, trusted }: FrontState, options: PageOptions): Response {
  const { catalogue, ...known } = subject;
  const { mcpPath: endpoint, calls, open } = options;
  const server =
    catalogue === undefined || !trusted
      ? {}
      : {
          server: {
            name: catalogue.unsafeName,
            version: catalogue.unsafeVersion,
            protocolVersions: catalogue.protocolVersions,
            instructions: catalogue.unsafeInstructions,
            tools: catalogue.tools,
            resources: catalogue.resources,
            prompts: catalogue.prompts,
          },
        };
  const status = { ...phase, ...known, endpoint, open, calls, locked: !trusted, ...server };
  return Response.json(status, {
    headers: { "cache-control": "no-store", "x-content-type-options": "nosniff" },
  });
}

function hashOf(text: string): string {
  return `sha256-${new Bun.CryptoHasher("sha256").update(text).digest("base64")}`;
}
