// A server that speaks MCP on its stdin and stdout, served over HTTP in both eras of the protocol: with sessions, as
// until 2025-11-25, and without. Knows which era a request belongs to, and nothing of how one is answered.

import { tellLife } from "../child-life.ts";
import type { Caller, Endpoint } from "../endpoint.ts";
import type { OnGatewayEvent } from "../events.ts";
import { readBody } from "../http/body.ts";
import type { GatewayLimits } from "../limits.ts";
import { type Envelope, type NoEnvelope, parseEnvelope } from "../rpc/envelope.ts";
import type { ServerProcess, StartServer } from "../server-process.ts";
import { withoutModern, withoutSessions } from "./absent-era.ts";
import { type Eras, speaks } from "./eras.ts";
import { type ModernEndpoint, openModern } from "./modern.ts";
import { claimsModern } from "./modern-request.ts";
import { isModernRevision } from "./modern-terms.ts";
import { CLOSING, comeAgain } from "./refusals.ts";
import { SESSION_REVISIONS } from "./revisions.ts";
import { openSessions, type SessionsEndpoint } from "./sessions.ts";

export interface BridgeOptions {
  readonly start: StartServer;
  readonly limits: GatewayLimits;
  /** What the server speaks, where somebody has found out already. */
  readonly eras?: Eras;
  onEvent?: OnGatewayEvent;
}

/** Opens the bridge. What comes before it is known which eras the server speaks has to wait. */
export function openBridge(options: BridgeOptions): Endpoint {
  return new Bridge(options);
}

interface Sides {
  readonly modern: Pick<ModernEndpoint, "handle" | "handleMessage" | "close">;
  readonly sessions: SessionsEndpoint;
}

class Bridge implements Endpoint {
  readonly #options: Required<Omit<BridgeOptions, "eras">>;
  /** Undefined where the bridge was closed before it was known what the server speaks. */
  readonly #sides: Promise<Sides | undefined>;
  /** Processes that are asked what the server speaks. */
  readonly #probes = new Set<ServerProcess>();
  #closing = false;

  constructor({ start, limits, eras, onEvent = () => {} }: BridgeOptions) {
    this.#options = { start, limits, onEvent };
    this.#sides = this.#open(eras);
  }

  get heldBytes(): number {
    return this.#options.limits.maxBodyBytes;
  }

  async handle(request: Request, caller: Caller): Promise<Response> {
    const sides = await this.#sides;
    if (sides === undefined) return comeAgain(CLOSING);
    const { modern, sessions } = sides;
    const { headers, method } = request;
    const saysModern = isModernRevision(headers.get("mcp-protocol-version") ?? "");
    if (method !== "POST") return await (saysModern ? modern : sessions).handle(request, caller);
    if (!saysModern && headers.has("mcp-session-id")) return await sessions.handle(request, caller);
    const text = await readBody(request, this.#options.limits.maxBodyBytes);
    if (text instanceof Response) return text;
    const message = parseEnvelope(text);
    return isModern(headers, message)
      ? await modern.handleMessage(request, message)
      : await sessions.handleMessage(request, message, caller);
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    await Promise.all(Array.from(this.#probes, (probe) => probe.stop()));
    const sides = await this.#sides;
    await Promise.all([sides?.sessions.close(graceMs), sides?.modern.close(graceMs)]);
  }

  async #open(known: Eras | undefined): Promise<Sides | undefined> {
    const eras = known ?? (await this.#ask());
    if (this.#closing) return undefined;
    return openSides(eras, this.#options);
  }

  /** What the server speaks. Of one that gives no answer nothing is assumed: a session will tell what is wrong. */
  async #ask(): Promise<Eras> {
    const { start, limits, onEvent } = this.#options;
    const startProbe: StartServer = (options) => {
      if (this.#closing) throw new Error(CLOSING);
      const probe = start(options);
      this.#probes.add(probe);
      tellLife(probe, "probe", onEvent);
      void probe.ended.then(() => this.#probes.delete(probe));
      return probe;
    };
    try {
      return await speaks(startProbe, { timeoutMs: limits.startTimeoutMs, onEvent });
    } catch (error) {
      if (!this.#closing) onEvent({ type: "start-failed", error });
      return { modern: [], legacy: [] };
    }
  }
}

function openSides(
  { modern: revisions, legacy }: Eras,
  options: Required<Omit<BridgeOptions, "eras">>,
): Sides {
  if (revisions.length === 0) {
    const sessions = openSessions(options);
    const known = legacy.length > 0 ? legacy : SESSION_REVISIONS;
    return { sessions, modern: withoutModern(sessions, known) };
  }
  const modern = openModern({ ...options, revisions });
  const sessions = legacy.length > 0 ? openSessions(options) : withoutSessions(modern, revisions);
  return { sessions, modern };
}

function isModern(headers: Headers, message: Envelope | NoEnvelope): boolean {
  return (
    (message.kind === "request" || message.kind === "notification") &&
    claimsModern(headers, message)
  );
}
