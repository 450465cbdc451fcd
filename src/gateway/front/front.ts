// The one HTTP server of the gateway. It opens before there is anything to serve: MCP requests wait then, because a
// client takes a 5xx for a broken server and a refused connection for none.

import type { Endpoint } from "../endpoint.ts";
import { wantsSocket } from "../proxy/socket.ts";
import type { Phase, Subject } from "../status.ts";
import { type AdmissionRules, createAdmission } from "./admission.ts";
import { healthResponse } from "./health.ts";
import { pathOf } from "./host-name.ts";
import { type HttpServer, IDLE_SECONDS, listen, upgrade } from "./listen.ts";
import { tooMany, unavailable } from "./unavailable.ts";
import { Arrival, MOST_READ_UNASKED, Room } from "./waiting.ts";
import { isVisit } from "./visit.ts";

export interface FrontOptions {
  readonly hostname: string;
  readonly port: number;
  readonly mcpPath: string;
  readonly healthPath: string;
  readonly rules: AdmissionRules;
  /** Answers for the page and what belongs to it; nothing where the path is none of its. */
  readonly page: (request: Request, state: FrontState) => Response | undefined;
  /** The text that is told at METRICS_PATH. */
  readonly metrics: () => string;
  onRequest(request: AnsweredRequest): void;
}

/** What visitors may be told. */
export interface FrontState {
  readonly phase: Phase;
  readonly subject: Subject;
  /** The request shows the token, or nobody has to. */
  readonly trusted: boolean;
}

export interface AnsweredRequest {
  readonly method: string;
  /** Without its query, which may hold what is nobody's business. */
  readonly unsafePath: string;
  readonly status: number;
  /** Until the response began. */
  readonly milliseconds: number;
}

export interface Front {
  readonly port: number;
  tell(phase: Phase): void;
  /** Adds to what is known of the server. */
  describe(subject: Subject): void;
  /** From now on, and for those who wait, this answers MCP requests. The phase stays what it is. */
  serve(endpoint: Endpoint): void;
  /** Gives the port up at once, with every connection. */
  release(): Promise<void>;
  /** Ends the endpoint, which has `graceMs` for what is in flight, and gives the port up. */
  close(graceMs: number): Promise<void>;
}

export const METRICS_PATH = "/metrics";
/** What is below is the runner's, whatever else is the server's. */
export const RUNNER_PATHS = "/_runner/";

const SILENT: Phase = { state: "failing", reason: "the server does not answer" };
/** For the log alone: nobody is there to be answered. */
const CLIENT_LEFT = 499;
/** A stream may be silent for as long as it likes. */
const NEVER = 0;
/** What all requests that are unanswered may take up: some thousands of the usual size. */
const ROOM_BYTES = 67_108_864;
const MAX_PATH_CHARACTERS = 100;

/** Opens the port. Throws PORT_UNAVAILABLE. */
export function openFront(options: FrontOptions): Front {
  const admission = createAdmission(options.rules);
  const ready = new Arrival<Endpoint | undefined>();
  const room = new Room(ROOM_BYTES);
  let endpoint: Endpoint | undefined;
  let phase: Phase = { state: "starting", stage: "validate" };
  let subject: Subject = {};

  const answer = async (request: Request, server: HttpServer): Promise<Response | undefined> => {
    const pathname = pathOf(request);
    if (pathname === options.healthPath) {
      const isHealthy = phase.state !== "serving" || ((await endpoint?.isHealthy?.()) ?? true);
      const trusted = typeof admission.identify(request) === "string";
      return healthResponse({ phase: isHealthy ? phase : SILENT, subject, trusted });
    }
    const refused = admission.refuse(request);
    if (refused !== undefined) return refused;
    if (isPreflight(request)) return admission.preflight(request);
    const principal = admission.identify(request);
    const trusted = typeof principal === "string";
    const page = () => options.page(request, { phase, subject, trusted });
    if (pathname === METRICS_PATH) return trusted ? metricsResponse(options.metrics()) : principal;
    const nothing = () => nothingAt(pathname, options.mcpPath);
    const isFor = (one: Endpoint | undefined) =>
      pathname === options.mcpPath || claims(one, pathname);
    if (isOwn(pathname)) return page() ?? nothing();
    if (!isFor(endpoint)) {
      const shown = page();
      if (shown !== undefined) return shown;
      // What is being started may be a server with endpoints of its own.
      if (endpoint !== undefined || !trusted) return nothing();
    }
    if (!trusted) return (isVisit(request) && page()) || principal;
    using place = room.enter(request, endpoint?.heldBytes ?? MOST_READ_UNASKED);
    if (place === undefined) return tooMany();
    server.timeout(request, NEVER);
    const responsible = endpoint ?? (await ready.wait(request.signal));
    if (responsible === "left") return new Response(null, { status: CLIENT_LEFT });
    if (responsible === undefined) return unavailable(phase);
    if (!isFor(responsible)) return nothing();
    const { connect } = responsible;
    if (connect !== undefined && wantsSocket(request)) {
      return await upgrade(request, server, () => connect(request));
    }
    const response = await responsible.handle(request, { principal });
    if (isWhole(response)) server.timeout(request, IDLE_SECONDS);
    // A server with a port of its own may have no page; ours is better than its 404.
    const better = response.status === 404 && isVisit(request) ? page() : undefined;
    if (better !== undefined) await response.body?.cancel();
    return better ?? response;
  };
  const answerAndTell = async (request: Request, bunServer: HttpServer) => {
    const started = performance.now();
    const response = await answer(request, bunServer);
    if (response === undefined) return undefined;
    for (const [name, value] of Object.entries(admission.corsFor(request))) {
      if (!response.headers.has(name)) response.headers.set(name, value);
    }
    options.onRequest({
      method: request.method,
      unsafePath: pathOf(request),
      status: response.status,
      milliseconds: performance.now() - started,
    });
    return response;
  };
  const server = listen({ ...options, answer: answerAndTell });
  return {
    port: server.port ?? options.port,
    tell(next) {
      phase = next;
      if (next.state === "failed" || next.state === "closing") ready.arrive(undefined);
    },
    describe(more) {
      subject = { ...subject, ...more };
    },
    serve(next) {
      endpoint = next;
      ready.arrive(next);
    },
    release: () => server.stop(true),
    async close(graceMs) {
      phase = { state: "closing" };
      ready.arrive(undefined);
      await endpoint?.close(graceMs);
      await server.stop(true);
    },
  };
}

function isOwn(path: string): boolean {
  return path.startsWith(RUNNER_PATHS);
}

function claims(endpoint: Endpoint | undefined, path: string): boolean {
  return endpoint?.claims?.(path) ?? false;
}

function isPreflight(request: Request): boolean {
  return request.method === "OPTIONS" && request.headers.has("access-control-request-method");
}

// Most clients that come here have the address without the path, or the one that servers have by habit.
function nothingAt(path: string, mcpPath: string): Response {
  const asked = path.slice(0, MAX_PATH_CHARACTERS);
  const text = `There is nothing at ${asked}: the MCP endpoint of this server is ${mcpPath}.\n`;
  return new Response(text, { status: 404 });
}

function metricsResponse(text: string): Response {
  return new Response(text, {
    headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
  });
}

/** Whether all of it is known, so that a connection on which nothing happens is one that nobody uses. */
function isWhole({ headers }: Response): boolean {
  return headers.has("content-length") || headers.get("content-type") === "application/json";
}
