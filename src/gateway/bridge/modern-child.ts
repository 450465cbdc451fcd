// One process that answers the requests of all clients of 2026-07-28. Each request gets an id of the gateway's, under
// which alone its answer, its progress and its subscription are known; what comes back goes to the one who asked.

import {
  isMembers,
  type Members,
  requestedProgressToken,
  type RpcRequest,
} from "../rpc/envelope.ts";
import { memberFinder, replaceSpans, textOf } from "../rpc/splice.ts";
import type { ServerEnd, ServerProcess, StartServer } from "../server-process.ts";
import { type Change, readServerLine, type ServerLine } from "./modern-line.ts";
import { META, metaOf } from "./modern-terms.ts";
import { Outbox } from "./outbox.ts";

/** Whoever has asked the server something, and gets every line in its own words. */
export interface Asker {
  /** Something that belongs to the request before its answer. */
  tell(line: string): void;
  /** The answer; `code` where it is an error. Nothing comes after it. */
  answer(line: string, code?: number): void;
  /** The server has ended the subscription, and will say nothing more of it. */
  unsubscribed(): void;
  /** There will be no answer; a sentence. */
  fail(message: string): void;
}

interface Pending {
  readonly asker: Asker;
  readonly idText: string;
  readonly tokenText: string | undefined;
  readonly wantsLog: boolean;
  /** What a subscription is to be told of. */
  readonly filter: Members | undefined;
  /** The server has acknowledged the subscription; nothing may come before that. */
  isSubscribed: boolean;
}

const find = memberFinder({ id: ["id"], token: ["params", "_meta", "progressToken"] });

export class ModernChild {
  readonly process: ServerProcess;
  readonly #onStray: (unsafeLine: string) => void;
  readonly #pending = new Map<string, Pending>();
  /** Nobody can guess an id of somebody else's, whatever a server makes of the members that it is sent. */
  readonly #prefix = Buffer.from(crypto.getRandomValues(new Uint8Array(9))).toString("base64url");
  #count = 0;
  #hasEnded = false;
  readonly outbox: Outbox;

  /** Starts the process. Throws where none can be started. */
  constructor(start: StartServer, onStray: (unsafeLine: string) => void) {
    this.#onStray = onStray;
    this.process = start({ onLine: (unsafeLine) => this.#take(unsafeLine) });
    this.outbox = new Outbox(this.process);
    void this.process.ended.then((end) => this.#failAll(end));
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Sends a request whose text has been judged to be unambiguous. Returns the gateway's id for it. */
  ask(request: RpcRequest, asker: Asker): string {
    const found = find(request.text);
    if ("problem" in found || found.id === undefined) throw new TypeError("an ambiguous request");
    const { id: idSpan, token } = found;
    const id = `${this.#prefix}-${++this.#count}`;
    const replaced = [{ span: idSpan, by: JSON.stringify(id) }];
    const wantsProgress = requestedProgressToken(request.params) !== undefined;
    const tokenText = token && wantsProgress ? textOf(request.text, token) : undefined;
    if (token && wantsProgress) replaced.push({ span: token, by: JSON.stringify(id) });
    this.#pending.set(id, {
      asker,
      idText: textOf(request.text, idSpan),
      tokenText,
      wantsLog: metaOf(request.params)?.[META.logLevel] !== undefined,
      filter: filterIn(request),
      isSubscribed: false,
    });
    this.outbox.add(id, replaceSpans(request.text, replaced));
    return id;
  }

  /** The client does not wait for the answer any more. Nothing that belongs to the request reaches it from now on. */
  cancel(id: string): void {
    if (!this.#pending.delete(id) || this.outbox.takeBack(id)) return;
    const params = { requestId: id };
    void this.notify(JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params }));
  }

  /** Sends a line that nobody waits for. */
  notify(line: string): void | Promise<void> {
    return this.process.send(line);
  }

  #take(unsafeLine: string): void {
    const line = readServerLine(unsafeLine);
    if (!this.#route(line)) this.#onStray(unsafeLine);
  }

  /** False where it is to nobody. */
  #route(line: ServerLine): boolean {
    switch (line.kind) {
      case "answer":
        return this.#answer(line);
      case "progress": {
        const pending = this.#pending.get(line.token);
        if (pending?.tokenText === undefined) return this.#isOurs(line.token);
        pending.asker.tell(line.as(pending.tokenText));
        return true;
      }
      case "subscribed": {
        const pending = this.#pending.get(line.id);
        if (pending === undefined) return this.#isOurs(line.id);
        pending.isSubscribed = true;
        pending.asker.tell(line.as(pending.idText));
        return true;
      }
      case "unsubscribed": {
        const pending = this.#pending.get(line.id);
        this.#pending.delete(line.id);
        pending?.asker.unsubscribed();
        return this.#isOurs(line.id);
      }
      case "change":
        for (const { asker, filter, isSubscribed, idText } of this.#pending.values()) {
          if (isSubscribed && covers(filter, line.change)) asker.tell(line.as(idText));
        }
        return true;
      case "log":
        return this.#log(line.text);
      case "stray":
        return false;
    }
  }

  #answer({ id, code, as }: Extract<ServerLine, { kind: "answer" }>): boolean {
    const pending = this.#pending.get(id);
    if (pending === undefined) return this.#isOurs(id);
    this.#pending.delete(id);
    pending.asker.answer(as(pending.idText), code);
    return true;
  }

  /** A log names no request: where several have asked for theirs, it may be another client's. */
  #log(text: string): boolean {
    const asking = [...this.#pending.values()].filter(({ wantsLog }) => wantsLog);
    const [sole] = asking;
    if (sole === undefined || asking.length > 1) return false;
    sole.asker.tell(text);
    return true;
  }

  /** What has been asked once may still be spoken of after it was given up. */
  #isOurs(id: string): boolean {
    return id.startsWith(`${this.#prefix}-`);
  }

  #failAll({ reason }: ServerEnd): void {
    this.#hasEnded = true;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.outbox.clear();
    for (const { asker } of pending) asker.fail(`The server ${reason} before it answered.`);
  }
}

function filterIn({ method, params }: RpcRequest): Members | undefined {
  const filter = method === "subscriptions/listen" ? params?.["notifications"] : undefined;
  return isMembers(filter) ? filter : undefined;
}

function covers(filter: Members | undefined, change: Change): boolean {
  if (typeof change === "string") return filter?.[change] === true;
  const uris = filter?.["resourceSubscriptions"];
  return Array.isArray(uris) && uris.includes(change.unsafeUri);
}
