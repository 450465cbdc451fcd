// The MCP server that run modes and gateways are compared with: the official SDK on Node, with a tool that needs nothing
// and one that reads many small files. It is bundled into an image and knows nothing of the bench. Its argument is
// `stdio` or the port that it listens on; without one that is PORT.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { z } from "zod";

const FILES = join(import.meta.dirname, "files");
const FILE_COUNT = 1000;

const sessions = new Map<string, StreamableHTTPServerTransport>();

const [where = process.env["PORT"]] = process.argv.slice(2);
if (where === "stdio") await tools().connect(new StdioServerTransport());
else listen(Number(where));

function listen(port: number): void {
  const server = createServer((request, response) => void answer(request, response));
  server.listen(port, process.env["HOST"], () => console.log("listening"));
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const session = sessions.get(String(request.headers["mcp-session-id"]));
  await (session ?? (await newSession())).handleRequest(request, response);
}

async function newSession(): Promise<StreamableHTTPServerTransport> {
  const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, transport),
  });
  await tools().connect(transport);
  return transport;
}

function tools(): McpServer {
  const mcp = new McpServer({ name: "bench", version: "1.0.0" });
  mcp.registerTool("echo", { inputSchema: { message: z.string() } }, ({ message }) =>
    textResult(`Echo: ${message}`),
  );
  mcp.registerTool("read-files", {}, () => textResult(`${readFiles()} bytes`));
  return mcp;
}

// One after another and without Node's threads in between, as Python and most compiled servers read: what is measured
// is what the mode costs at system calls that name files.
function readFiles(): number {
  let bytes = 0;
  for (let index = 0; index < FILE_COUNT; index += 1) {
    bytes += readFileSync(join(FILES, `${index}.txt`)).byteLength;
  }
  return bytes;
}

function textResult(text: string) {
  return { content: [{ type: "text" as const, text }] };
}
