// The runner's own HTTP server, which opens before anything is pulled and tells how far the runner is. Whether it stays
// is decided when the image is known.

import { RunnerError, type Stage } from "../errors.ts";
import { type Front, openFront } from "../gateway/front/front.ts";
import { createMetrics, type Metrics } from "../gateway/metrics.ts";
import { keepOutOfLog, log, logFailure } from "../log.ts";
import { formatImageName } from "../oci/image-name.ts";
import { endSignal } from "../system/end-signal.ts";
import type { Image } from "./fetch-config.ts";
import { refusalLogger } from "./gateway-log.ts";
import type { PullState } from "./progress.ts";
import type { BakedRequest } from "./validate.ts";

export interface Gateway {
  readonly front: Front;
  readonly metrics: Metrics;
  readonly request: GatewayRequest;
  /** Tells which stage begins. */
  enter(stage: Stage): void;
  /** What a pull tells. */
  readonly follower: {
    readonly onStage: (stage: Stage) => void;
    readonly onImage: (image: Image) => void;
    readonly onState: (state: PullState) => void;
  };
}

/** What of a request concerns the gateway. */
export type GatewayRequest = Omit<BakedRequest, "serverArguments" | "serverEnvironment">;

/**
 * Opens it, unless the server will be reached without it whatever the image is, and lets `start` have it. What `start`
 * throws is shown, where that is wished, until the runner is told to end. Throws PORT_UNAVAILABLE, and what it throws.
 */
export async function beforeGateway(
  request: GatewayRequest,
  start: (gateway: Gateway | undefined) => Promise<number>,
): Promise<number> {
  const gateway = await openGateway(request);
  try {
    return await start(gateway);
  } catch (error) {
    if (gateway === undefined) throw error;
    if (request.startFailure === "page" && error instanceof RunnerError) {
      logFailure(error);
      await showFailure(gateway, error);
      return error.status;
    }
    await gateway.front.release();
    throw error;
  }
}

async function openGateway(request: GatewayRequest): Promise<Gateway | undefined> {
  const { port, mcpTransport, serverTransport, targetPort, authToken } = request;
  if (port === undefined || mcpTransport === "stdio") return undefined;
  const handsOver = serverTransport === "http" && (targetPort ?? port) === port;
  if (handsOver && authToken === undefined) return undefined;
  if (authToken !== undefined) keepOutOfLog(authToken);
  const { createPage } = await import("../gateway/page/page.ts");
  const metrics = createMetrics();
  let stage: Stage = "validate";
  const enter = (next: Stage) => {
    stage = next;
    front.tell({ state: "starting", stage });
  };
  const front = openFront({
    hostname: request.mcpHost,
    port,
    mcpPath: request.mcpPath,
    healthPath: request.healthcheckPath,
    rules: {
      token: authToken,
      hosts: [...(request.allowedHosts ?? []), ...request.publicHosts],
      origins: request.allowedOrigins ?? [],
      onRefused: refusalLogger(),
    },
    page: createPage({
      mcpPath: request.mcpPath,
      calls: request.pageCalls === "1",
      open: authToken === undefined,
      sse: mcpTransport === "sse",
    }),
    metrics: () => metrics.text(),
    onRequest(answered) {
      metrics.observeRequest(answered);
      const { method, unsafePath, status, milliseconds } = answered;
      log.debug(`${method} ${unsafePath}`, { status, milliseconds: Math.round(milliseconds) });
    },
  });
  log.info("listening: requests wait for the server", {
    port: front.port,
    address: request.mcpHost,
  });
  return {
    front,
    metrics,
    request,
    enter,
    follower: {
      onStage: enter,
      onImage: ({ name, digest }) => front.describe({ image: formatImageName(name), digest }),
      onState: (progress) => front.tell({ state: "starting", stage, progress }),
    },
  };
}

// To whoever asks, until the runner is told to end.
async function showFailure({ front }: Gateway, error: RunnerError): Promise<void> {
  const { stage, code, message, hint } = error;
  front.tell({ state: "failed", failure: { stage, code, message, hint } });
  await endSignal();
  await front.close(0);
}
