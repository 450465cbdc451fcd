// The clients that people use, each as it comes from npm, behind one face. What they are asked by a server they answer
// the same way: with a fixed text, a fixed name, one root.

import {
  Client as ClientV2,
  SSEClientTransport as SseTransportV2,
  StreamableHTTPClientTransport as TransportV2,
} from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport as SseTransportV1 } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";

export interface TestClient extends AsyncDisposable {
  /** The revision that it and the server have agreed on. */
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
  /** The server says that its tools have changed. */
  onToolsChanged?(): void;
}

export type Connect = (url: string, options?: ConnectOptions) => Promise<TestClient>;

/** How a client of the second SDK finds out which era a server speaks. */
export type Mode = "legacy" | "auto" | { readonly pin: string };

const INFO = { name: "test-client", version: "1.0.0" };
const CAPABILITIES = { elicitation: {}, roots: { listChanged: true }, sampling: {} };
const NOWHERE = "file:///nowhere";

/** The client of the SDK's second version, which speaks both eras. */
export function clientV2(mode: Mode): Connect {
  return async (url, options = {}) => {
    const { fetch } = options;
    const transport = new TransportV2(new URL(url), fetch && { fetch });
    const client = await connectV2(mode, transport, options);
    return withEnd(client, () => transport.terminateSession());
  };
}

/** The same, over the transport of 2024-11-05. */
export const sseClientV2: Connect = (url, options = {}) =>
  connectV2("legacy", new SseTransportV2(new URL(url)), options);

/** The client of the SDK's first version, which most programs have. */
export const clientV1: Connect = async (url, options = {}) => {
  const { fetch } = options;
  const transport = new TransportV1(new URL(url), fetch && { fetch });
  const client = await connectV1(transport, options);
  return withEnd({ ...client, revision: transport.protocolVersion }, () =>
    transport.terminateSession(),
  );
};

/** The same, over the transport of 2024-11-05. */
export const sseClientV1: Connect = (url, options = {}) =>
  connectV1(new SseTransportV1(new URL(url)), options);

async function connectV2(
  mode: Mode,
  transport: TransportV2 | SseTransportV2,
  { root = NOWHERE, onToolsChanged }: ConnectOptions,
): Promise<TestClient> {
  const client = new ClientV2(INFO, { capabilities: CAPABILITIES, versionNegotiation: { mode } });
  client.setRequestHandler("sampling/createMessage", () => SAMPLE);
  client.setRequestHandler("elicitation/create", ({ params }) => filledIn(params));
  client.setRequestHandler("roots/list", () => ({ roots: [{ uri: root }] }));
  if (onToolsChanged !== undefined) {
    client.setNotificationHandler("notifications/tools/list_changed", onToolsChanged);
  }
  await client.connect(transport);
  if (onToolsChanged !== undefined && client.getProtocolEra() === "modern") {
    await client.listen({ toolsListChanged: true });
  }
  return {
    revision: client.getNegotiatedProtocolVersion(),
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args, options) =>
      textOf(await client.callTool({ name, arguments: { ...args } }, options)),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function connectV1(
  transport: TransportV1 | SseTransportV1,
  { root = NOWHERE, onToolsChanged }: ConnectOptions,
): Promise<TestClient> {
  const client = new ClientV1(INFO, { capabilities: CAPABILITIES });
  client.setRequestHandler(CreateMessageRequestSchema, () => SAMPLE);
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => filledIn(params));
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: root }] }));
  if (onToolsChanged !== undefined) {
    client.setNotificationHandler(ToolListChangedNotificationSchema, onToolsChanged);
  }
  await client.connect(transport);
  return {
    revision: undefined,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args, options) =>
      textOf(await client.callTool({ name, arguments: { ...args } }, undefined, options)),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** A client that tells the server that it is about to leave. */
function withEnd(client: TestClient, end: () => Promise<void>): TestClient {
  return {
    ...client,
    async [Symbol.asyncDispose]() {
      await end();
      await client[Symbol.asyncDispose]();
    },
  };
}

const SAMPLE = {
  role: "assistant" as const,
  content: { type: "text" as const, text: "Paris" },
  model: "none",
};

/** The answer to a form: the same name in whatever field it has. */
function filledIn(form: object) {
  const schema = "requestedSchema" in form ? form.requestedSchema : {};
  const { properties = {} } = schema as { readonly properties?: object }; // the SDK has checked it
  const content = Object.fromEntries(Object.keys(properties).map((field) => [field, "Ada"]));
  return { action: "accept" as const, content };
}

function textOf(result: object): string {
  const content = "content" in result && Array.isArray(result.content) ? result.content : [];
  return content.map((part: { readonly text?: string }) => part.text ?? "").join("\n");
}
