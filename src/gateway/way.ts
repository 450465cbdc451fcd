// How clients will reach a server, decided by what is known of it before it runs. Pure.

export const SERVER_TRANSPORTS = ["auto", "http", "stdio"] as const;
export type ServerTransport = (typeof SERVER_TRANSPORTS)[number];

/** Labels by which an image says it itself. */
export const TRANSPORT_LABEL = "io.github.drengskapur.fastmcp-runner.transport";
export const PORT_LABEL = "io.github.drengskapur.fastmcp-runner.port";

export interface Evidence {
  readonly asked: ServerTransport;
  /** The port that clients use. */
  readonly port: number;
  /** Clients have to show a token, for which the server does not ask. */
  readonly guarded: boolean;
  /** The port of the server's own, as the user says. */
  readonly targetPort?: number | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** The names that the image's Env and the user set for the server. */
  readonly variables: readonly string[];
  /** As in the image's config: `8000/tcp`. */
  readonly exposedPorts: readonly string[];
}

/** What happens to a server, with the reason as the end of a sentence. */
export type ServerWay = { readonly reason: string } & (
  | { readonly kind: "hand-over" }
  | { readonly kind: "bridge" }
  | { readonly kind: "proxy"; readonly port: number }
  /** It would serve PORT by itself, and is given another one. */
  | { readonly kind: "guard" }
  /** It is started with pipes and a port of its own, and what it does first decides. */
  | { readonly kind: "watch" }
);

/** The strongest evidence decides: the user's word, the image's labels, its variables, its ports. */
export function wayOf(evidence: Evidence): ServerWay {
  const way = asked(evidence) ?? labelled(evidence) ?? configured(evidence) ?? exposed(evidence);
  return way.kind === "hand-over" && evidence.guarded
    ? { kind: "guard", reason: `${way.reason}, but nobody would ask for the token` }
    : way;
}

function asked({ asked: transport, port, targetPort }: Evidence): ServerWay | undefined {
  if (transport === "stdio") return { kind: "bridge", reason: "SERVER_TRANSPORT is stdio" };
  if (targetPort !== undefined) return atPort(targetPort, port, `TARGET_PORT is ${targetPort}`);
  if (transport === "http") return { kind: "hand-over", reason: "SERVER_TRANSPORT is http" };
  return undefined;
}

function labelled({ labels, port }: Evidence): ServerWay | undefined {
  const transport = labels[TRANSPORT_LABEL];
  if (transport === "stdio") return { kind: "bridge", reason: "the image's label says stdio" };
  if (transport !== "http") return undefined;
  const own = portIn(labels[PORT_LABEL] ?? "");
  return own === undefined
    ? { kind: "hand-over", reason: "the image's label says http" }
    : atPort(own, port, `the image's label says port ${own}`);
}

// What such a server reads, the runner sets.
const PORT_VARIABLES: ReadonlySet<string> = new Set(["PORT", "MCP_PORT", "FASTMCP_PORT"]);

function configured({ variables }: Evidence): ServerWay | undefined {
  const name = variables.find((variable) => PORT_VARIABLES.has(variable));
  if (name === undefined) return undefined;
  return { kind: "hand-over", reason: `the image sets ${name}, so its server reads it` };
}

/** As many as a sentence holds. */
const MAX_PORTS = 16;

function exposed({ exposedPorts, port }: Evidence): ServerWay {
  const found = exposedPorts.map(portIn).filter((number) => number !== undefined);
  const ports = [...new Set(found)];
  if (ports.includes(port)) {
    return { kind: "hand-over", reason: `the image exposes ${port}, which is PORT` };
  }
  const [only, ...others] = ports;
  if (only === undefined) return { kind: "watch", reason: "the image exposes no port" };
  if (others.length === 0)
    return { kind: "proxy", port: only, reason: `the image exposes ${only}` };
  const named = ports.slice(0, MAX_PORTS).join(", ");
  return { kind: "watch", reason: `the image exposes several ports: ${named}` };
}

function atPort(own: number, port: number, reason: string): ServerWay {
  return own === port ? { kind: "hand-over", reason } : { kind: "proxy", port: own, reason };
}

// `8000`, `8000/tcp`; ranges and other protocols are no port to reach a server at.
function portIn(unsafeText: string): number | undefined {
  const [, digits] = /^([0-9]{1,5})(?:\/tcp)?$/.exec(unsafeText) ?? [];
  const number = Number(digits);
  return number >= 1 && number <= 65_535 ? number : undefined;
}
