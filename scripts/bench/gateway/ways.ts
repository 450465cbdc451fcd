// The ways to the same server that are compared: its own HTTP, this runner before that, and gateways to its stdin and
// stdout. Knows nothing of measuring.

import { type GatewayGround, PEERS } from "./ground.ts";
import { IS_ROOT } from "../modes/ground.ts";

export interface GatewayWay {
  readonly id: WayId;
  /** For people. */
  readonly name: string;
  /** Where something but the server itself runs. */
  readonly isGateway: boolean;
  /** Whether it says on /health when the server can answer; else it can when it listens. */
  readonly hasHealth: boolean;
  /** Clients come to `port`; `spare` is free for whatever else has to listen. */
  command(port: number, spare: number): GatewayCommand;
}

export type WayId = "direct" | "proxy" | "bridge" | "supergateway" | "mcp-proxy";

export interface GatewayCommand {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const PATH = process.env["PATH"] ?? "";
const HOST = "127.0.0.1";

/** Those without stdio come first. */
export function gatewayWays(ground: GatewayGround): readonly GatewayWay[] {
  const { node, server, peers } = ground;
  const stdio = [node, server, "stdio"];
  return [
    {
      id: "direct",
      name: "The server's own HTTP",
      isGateway: false,
      hasHealth: false,
      command: (port) => ({
        argv: [node, server, "streamableHttp"],
        env: { PATH, PORT: String(port) },
      }),
    },
    {
      id: "proxy",
      name: "This runner before it",
      isGateway: true,
      hasHealth: true,
      command: (port, spare) => ({
        argv: [ground.binary, "--", "streamableHttp"],
        env: { ...runnerEnvironment(ground, port), TARGET_PORT: String(spare) },
      }),
    },
    {
      id: "bridge",
      name: "This runner over stdio",
      isGateway: true,
      hasHealth: true,
      command: (port) => ({
        argv: [ground.binary, "--", "stdio"],
        env: { ...runnerEnvironment(ground, port), SERVER_TRANSPORT: "stdio" },
      }),
    },
    {
      id: "supergateway",
      name: `supergateway ${PEERS.supergateway}`,
      isGateway: true,
      hasHealth: false,
      command: (port) => ({
        argv: [node, peers.supergateway, "--stdio", stdio.join(" "), ...SUPERGATEWAY, String(port)],
        env: { PATH },
      }),
    },
    {
      id: "mcp-proxy",
      name: `mcp-proxy ${PEERS["mcp-proxy"]}`,
      isGateway: true,
      hasHealth: false,
      command: (port) => ({
        argv: [node, peers["mcp-proxy"], "--host", HOST, "--port", String(port), "--", ...stdio],
        env: { PATH },
      }),
    },
  ];
}

const SUPERGATEWAY = [
  "--outputTransport=streamableHttp",
  "--stateful",
  "--logLevel=none",
  "--port",
];

function runnerEnvironment({ image, cache }: GatewayGround, port: number): Record<string, string> {
  return {
    PATH,
    IMAGE: image,
    CACHE_DIR: cache,
    RUN_MODE: IS_ROOT ? "chroot" : "userns",
    MCP_HOST: HOST,
    PORT: String(port),
    // One for each, and the one with which the runner has asked what the server is.
    MAX_SESSIONS: "128",
    LOG_LEVEL: "warn",
  };
}
