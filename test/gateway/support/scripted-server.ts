// A server on stdio that does what its client's messages say, to the letter: it answers, stays silent, asks back, writes
// raw lines, floods and dies. Its methods are none of MCP's, but for `initialize`: a relay does not know them.

/** Lines as they came. */
const received: string[] = [];
const held = new Map<unknown, unknown>();
const asking = new Map<unknown, unknown>();
let isReading = true;

const methods: Record<string, (message: any) => void | Promise<void>> = {
  initialize({ id, params }) {
    const mode = process.env["SCRIPTED_INITIALIZE"];
    if (mode === "silent") return;
    if (mode === "die") process.exit(7);
    if (mode === "refuse") return write({ id, error: { code: -32603, message: "no" } });
    const serverInfo = { name: "scripted", version: "1" };
    write({
      id,
      result: { protocolVersion: params.protocolVersion, capabilities: {}, serverInfo },
    });
  },
  echo: ({ id, params }) => write({ id, result: params }),
  received: ({ id }) => write({ id, result: { received } }),
  pid: ({ id }) => write({ id, result: { pid: process.pid } }),
  big: ({ id, params }) => write({ id, result: { text: "x".repeat(params.characters) } }),
  size: ({ id, params }) => write({ id, result: { characters: params.text.length } }),
  /** Writes these lines as they are, and then answers, if it shall. */
  async say({ id, params }) {
    for (const line of params.lines) await writeLine(line);
    if (params.answers !== false) write({ id, result: {} });
  },
  /** Reports progress as often as it is told; each report is as long as it is told. */
  async report({ id, params }) {
    const progressToken = params._meta.progressToken;
    for (let progress = 1; progress <= params.times; progress++) {
      const message = "m".repeat(params.characters ?? 1);
      await writeLine(
        JSON.stringify({
          jsonrpc: "2.0",
          method: "notifications/progress",
          params: { progressToken, progress, message },
        }),
      );
      if (params.tells) process.stderr.write(`reported ${progress}\n`);
    }
    write({ id, result: { reported: params.times } });
  },
  /** Is answered when a `release` names its id; reports at once that it has come, where progress is asked for. */
  hold({ id, params }) {
    held.set(id, id);
    process.stderr.write("held\n");
    const progressToken = params?._meta?.progressToken;
    if (progressToken === undefined) return;
    write({ method: "notifications/progress", params: { progressToken, message: "held" } });
  },
  release({ params }) {
    const id = held.get(params.id);
    if (held.delete(params.id)) write({ id, result: { released: true } });
  },
  /** Asks the client something, and answers with what it has got. */
  ask({ id, params }) {
    asking.set(params.as, id);
    write({ id: params.as, method: "elicitation/create", params: { message: "?" } });
  },
  exit({ params }) {
    process.exit(params.status);
  },
  async flood({ id, params }) {
    for (let line = 0; line < params.lines; line++) {
      if (!process.stderr.write(`${"e".repeat(1_000)}\n`)) {
        await new Promise<void>((resolve) => process.stderr.once("drain", resolve));
      }
    }
    write({ id, result: {} });
  },
  /** Starts a program that outlives it unless somebody ends it, and says its process id. */
  fork({ id }) {
    const child = Bun.spawn(["sleep", "1000"], { stdio: ["ignore", "inherit", "inherit"] });
    write({ id, result: { pid: child.pid } });
  },
  deaf({ id }) {
    isReading = false;
    write({ id, result: {} });
  },
};

if (process.env["SCRIPTED_INITIALIZE"] === "greet") {
  write({ method: "notifications/message", params: { level: "info", data: "hello" } });
  process.stderr.write("greeted\n");
}

let rest = "";
for await (const chunk of Bun.stdin.stream().pipeThrough(new TextDecoderStream() as never)) {
  const lines = (rest + String(chunk)).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) take(line);
  if (!isReading) await new Promise(() => setInterval(() => {}, 1_000));
}

function take(line: string): void {
  received.push(line);
  const message = JSON.parse(line);
  const method = methods[message.method];
  if (method !== undefined) {
    void method(message);
  } else if (message.method !== undefined && message.id !== undefined) {
    write({ id: message.id, error: { code: -32601, message: "Method not found" } });
  } else if (asking.has(message.id)) {
    write({ id: asking.get(message.id), result: { got: message.result } });
    asking.delete(message.id);
  }
}

function write(message: object): void {
  void writeLine(JSON.stringify({ jsonrpc: "2.0", ...message }));
}

async function writeLine(line: string): Promise<void> {
  if (process.stdout.write(`${line}\n`)) return;
  await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
}

export {};
