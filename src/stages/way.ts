// How clients will reach a server: handed over to, or through the runner. Logs nothing, starts nothing.

import { type ServerWay, wayOf } from "../gateway/way.ts";
import { nameOf } from "../read-settings.ts";
import type { LaunchableImage, LaunchRequest } from "./drop-privileges.ts";
import type { BakedRequest } from "./validate.ts";

/** Which no image exposes. */
const NO_PORT = 0;

export type ReachableImage = LaunchableImage & {
  readonly labels: Readonly<Record<string, string>>;
  readonly exposedPorts: readonly string[];
};

/** What the request and the image's config say. */
export function decideWay(image: ReachableImage, request: BakedRequest): ServerWay {
  const { port, mcpTransport, serverTransport, targetPort, serverEnvironment, authToken } = request;
  if (mcpTransport === "stdio") {
    return { kind: "hand-over", reason: `${nameOf("mcpTransport")} is stdio` };
  }
  return wayOf({
    asked: serverTransport,
    // An image may be described before anybody knows where its server will be reached.
    port: port ?? NO_PORT,
    targetPort,
    guarded: authToken !== undefined,
    labels: image.labels,
    variables: [...image.env.map(([name]) => name), ...Object.keys(serverEnvironment)],
    exposedPorts: image.exposedPorts,
  });
}

const LOOPBACK = "127.0.0.1";

/** What the server itself is told: PORT is the runner's own where that stays. */
export function launchRequestFor<R extends LaunchRequest>(request: R, way: ServerWay): R {
  switch (way.kind) {
    case "hand-over":
      return request;
    case "bridge":
    case "watch":
      return { ...request, mcpTransport: "stdio", mcpHost: LOOPBACK };
    case "proxy":
      return { ...request, mcpHost: LOOPBACK, port: way.port };
    case "guard":
      return { ...request, mcpHost: LOOPBACK, port: undefined };
  }
}
