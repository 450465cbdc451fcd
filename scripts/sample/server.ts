// A small MCP server, as someone would put it into an image: two tools, over HTTP on PORT.

import { createMcpHandler, fromJsonSchema, McpServer } from "@modelcontextprotocol/server";

const { PORT = "8080", MCP_HOST = "0.0.0.0", MCP_PATH = "/mcp", GREETING = "Hello" } = process.env;

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: "sample", version: "1.0.0" });
  server.registerTool(
    "greet",
    {
      description: "Greets someone by name",
      inputSchema: fromJsonSchema<{ name: string }>({
        type: "object",
        properties: { name: { type: "string" } },
        required: ["name"],
      }),
    },
    ({ name }) => ({ content: [{ type: "text", text: `${GREETING}, ${name}!` }] }),
  );
  server.registerTool("where", { description: "Tells who and where this server is" }, () => ({
    content: [{ type: "text", text: JSON.stringify(whereabouts()) }],
  }));
  return server;
});

function whereabouts(): Readonly<Record<string, unknown>> {
  return {
    pid: process.pid,
    uid: process.getuid?.(),
    gid: process.getgid?.(),
    directory: process.cwd(),
    command: process.argv,
    variables: Object.keys(process.env).sort(),
  };
}

Bun.serve({
  hostname: MCP_HOST,
  port: Number(PORT),
  fetch: (request) =>
    new URL(request.url).pathname === MCP_PATH
      ? handler.fetch(request)
      : new Response("not here\n", { status: 404 }),
});
