// The gateway's front as tests need it: on a free port of loopback, open to all, without a page.

import { type Front, type FrontOptions, openFront } from "../../../src/gateway/front/front.ts";

/** Opens it, but for what `options` says otherwise. */
export function localFront(options: Partial<FrontOptions> = {}): Front {
  return openFront({
    hostname: "127.0.0.1",
    port: 0,
    mcpPath: "/mcp",
    healthPath: "/healthz",
    rules: { hosts: [], origins: [] },
    page: () => undefined,
    metrics: () => "",
    onRequest() {},
    ...options,
  });
}
