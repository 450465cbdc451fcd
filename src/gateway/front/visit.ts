// Who a request is from: a person with a browser reads sentences, an MCP client JSON-RPC.

/** A person with a browser, not an MCP client. */
export function isVisit(request: Request): boolean {
  const accept = request.headers.get("accept") ?? "";
  return (request.method === "GET" || request.method === "HEAD") && accept.includes("text/html");
}
