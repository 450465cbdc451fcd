// Real MCP servers, and how each is started: over stdio, but for one.

import { join } from "node:path";
import { nodeProgram } from "../../support/everything-image.ts";
import type { ServerCommand } from "./gateways.ts";

const FIXTURES = join(import.meta.dir, "../../fixtures");

/** Our own, of both eras. */
export function conformanceServer(): ServerCommand {
  return { argv: [process.execPath, join(FIXTURES, "conformance-server/stdio.ts")] };
}

/** The same on a port. */
export function conformanceServerAt(port: number): ServerCommand {
  return { argv: [process.execPath, join(FIXTURES, "conformance-server/http.ts"), String(port)] };
}

export function everythingServer(): ServerCommand {
  return { argv: [nodeProgram(), mainOf("server-everything"), "stdio"] };
}

/** It may touch this directory only, until its client names others. */
export function filesystemServer(directory: string): ServerCommand {
  return { argv: [nodeProgram(), mainOf("server-filesystem"), directory] };
}

/** It keeps what it is told in this file. */
export function memoryServer(file: string): ServerCommand {
  return { argv: [nodeProgram(), mainOf("server-memory")], env: { MEMORY_FILE_PATH: file } };
}

/** A server that is written with FastMCP, of both eras, run by this Python. */
export function fastmcpServer(python: string): ServerCommand {
  return {
    argv: [python, join(FIXTURES, "fastmcp-server/server.py")],
    env: { FASTMCP_CHECK_FOR_UPDATES: "off" },
  };
}

function mainOf(name: string): string {
  return Bun.resolveSync(`@modelcontextprotocol/${name}/dist/index.js`, import.meta.dir);
}
