// One session from its first message to its end, be it proper or not; every answer is checked. Knows only HTTP.

/** How a session ends. `left`: its client says no more; `cut`: with a stream that was open. */
export type Ending = "deleted" | "left" | "cut" | "crashed" | "crashed, leaving a child";

export interface SoakSession {
  readonly url: string;
  readonly calls: number;
  readonly ending: Ending;
}

const PROTOCOL = "2025-06-18";
const JSON_HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};
const ANSWER_MS = 60_000;

/** Lives it. Throws where an answer is not what it has to be. */
export async function live({ url, calls, ending }: SoakSession): Promise<void> {
  const headers = await open(url);
  for (let id = 1; id <= calls; id += 1) {
    const message = crypto.randomUUID();
    const answer = await ask(url, headers, callOf(id, { message }));
    if (!answer.includes(`"id":${id},`) || !answer.includes(`"text":"${message}"`)) {
      throw new Error(`not the answer to ${id} ${message}: ${answer}`);
    }
  }
  await END[ending](url, headers);
}

type Headers = Readonly<Record<string, string>>;

const END: Readonly<Record<Ending, (url: string, headers: Headers) => Promise<void>>> = {
  async deleted(url, headers) {
    await expectStatus(200, url, { method: "DELETE", headers });
    await expectGone(url, headers);
  },
  left: async () => {},
  async cut(url, headers) {
    const leaving = new AbortController();
    const { status } = await fetch(url, {
      headers: { ...headers, accept: "text/event-stream" },
      signal: leaving.signal,
    });
    leaving.abort();
    if (status !== 200) throw new Error(`a stream was answered with ${status}`);
  },
  crashed: (url, headers) => crash(url, headers, {}),
  "crashed, leaving a child": (url, headers) => crash(url, headers, { how: "leave-child" }),
};

async function open(url: string): Promise<Headers> {
  const clientInfo = { name: "soak", version: "1.0.0" };
  const params = { protocolVersion: PROTOCOL, capabilities: {}, clientInfo };
  const response = await post(url, {}, { id: 0, method: "initialize", params });
  const session = response.headers.get("mcp-session-id");
  const text = await response.text();
  if (session === null) throw new Error(`no session: ${response.status} ${text}`);
  const headers = { "mcp-session-id": session, "mcp-protocol-version": PROTOCOL };
  const greeting = { method: "notifications/initialized" };
  await expectStatus(202, url, request(headers, greeting));
  return headers;
}

async function crash(url: string, headers: Headers, input: object): Promise<void> {
  const params = { name: "crash", arguments: input };
  const answer = await ask(url, headers, { id: "last", method: "tools/call", params });
  if (!answer.includes("-32603")) throw new Error(`not the answer to a crash: ${answer}`);
  await expectGone(url, headers);
}

/** A session that has ended is unknown, so that clients open another. */
async function expectGone(url: string, headers: Headers): Promise<void> {
  await expectStatus(404, url, request(headers, callOf(1, { message: "again" })));
}

function callOf(id: number, input: object): object {
  return { id, method: "tools/call", params: { name: "echo", arguments: input } };
}

async function ask(url: string, headers: Headers, message: object): Promise<string> {
  return await (await post(url, headers, message)).text();
}

async function expectStatus(status: number, url: string, init: RequestInit): Promise<void> {
  const response = await fetch(url, init);
  const text = await response.text();
  if (response.status !== status) throw new Error(`${response.status}, not ${status}: ${text}`);
}

function post(url: string, headers: Headers, message: object): Promise<Response> {
  return fetch(url, request(headers, message));
}

function request(headers: Headers, message: object): RequestInit {
  return {
    method: "POST",
    headers: { ...JSON_HEADERS, ...headers },
    body: JSON.stringify({ jsonrpc: "2.0", ...message }),
    signal: AbortSignal.timeout(ANSWER_MS),
  };
}
