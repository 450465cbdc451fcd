// The clients that people use, each as it comes from npm, behind one face. What they are asked by a server they answer
// the same way: with a fixed text, a fixed name, one root.

import { Client as ClientV2, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";

export interface TestClient extends AsyncDisposable {
  readonly revision: string | undefined;
  tools(): Promise<readonly string[]>;
  /** The texts of a tool's answer, one a line. */
  call(
    tool: string,
    args?: Readonly<Record<string, unknown>>,
    options?: CallOptions,
  ): Promise<string>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  onprogress?(progress: { readonly progress: number }): void;
}

export interface ConnectOptions {
  /** The one root that the client has. */
  readonly root?: string;
  readonly fetch?: (url: string | URL, init?: RequestInit) => Promise<Response>;
}

export type Connect = (url: string, options?: ConnectOptions) => Promise<TestClient>;

const INFO = { name: "test-client", version: "1.0.0" };
const CAPABILITIES = { elicitation: {}, roots: { listChanged: true }, sampling: {} };

const SAMPLE = {
  role: "assistant" as const,
  content: { type: "text" as const, text: "Paris" },
  model: "none",
};
/** Fills in whatever field the form has. */
function fillIn(schema: object): Record<string, string> {
  const fields = "properties" in schema ? Object.keys(schema.properties as object) : [];
  return Object.fromEntries(fields.map((field) => [field, "Ada"]));
}

/** The client of this version of the protocol's SDK, which speaks both eras and is told how to find out. */
export function clientV2(mode: "legacy" | "auto" | { readonly pin: string }): Connect {
  return async (url, { root = "file:///nowhere", fetch } = {}) => {
    const client = new ClientV2(INFO, {
      capabilities: CAPABILITIES,
      versionNegotiation: { mode },
    });
    client.setRequestHandler("sampling/createMessage", () => SAMPLE);
    client.setRequestHandler("elicitation/create", ({ params }) => ({
      action: "accept",
      content: "requestedSchema" in params ? fillIn(params.requestedSchema) : {},
    }));
    client.setRequestHandler("roots/list", () => ({ roots: [{ uri: root }] }));
    const transport = new StreamableHTTPClientTransport(new URL(url), fetch && { fetch });
    await client.connect(transport);
    return {
      revision: client.getNegotiatedProtocolVersion(),
      tools: async () => (await client.listTools()).tools.map(({ name }) => name),
      call: async (name, args, options) =>
        textOf(await client.callTool({ name, arguments: { ...args } }, options)),
      async [Symbol.asyncDispose]() {
        await transport.terminateSession();
        await client.close();
      },
    };
  };
}

/** The client of the SDK's first version, which most programs have. */
export const clientV1: Connect = async (url, { root = "file:///nowhere", fetch } = {}) => {
  const client = new ClientV1(INFO, { capabilities: CAPABILITIES });
  client.setRequestHandler(CreateMessageRequestSchema, () => SAMPLE);
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => ({
    action: "accept",
    content: "requestedSchema" in params ? fillIn(params.requestedSchema) : {},
  }));
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: root }] }));
  const transport = new TransportV1(new URL(url), fetch && { fetch });
  await client.connect(transport);
  return {
    revision: transport.protocolVersion,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args, options) =>
      textOf(await client.callTool({ name, arguments: { ...args } }, undefined, options)),
    async [Symbol.asyncDispose]() {
      await transport.terminateSession();
      await client.close();
    },
  };
};

function textOf(result: object): string {
  const content = "content" in result && Array.isArray(result.content) ? result.content : [];
  return content.map((part: { readonly text?: string }) => part.text ?? "").join("\n");
}
