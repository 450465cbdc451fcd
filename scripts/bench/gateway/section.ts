// What gateways cost, in words and a table: for the terminal in full, for the README in short.

import { type GatewayResults, type GatewayRow, isMissed, targetsOf } from "./results.ts";
import { FEW, MANY } from "./run.ts";

const LOADS = ["one", "few", "many"] as const satisfies (keyof GatewayRow)[];

/** The text above the README's table. */
export function gatewayParagraph({
  machine,
  rounds,
  programs,
  clientCores,
}: GatewayResults): string {
  const { Node: node, ...others } = programs;
  const versions = Object.entries(others).map(([name, version]) => `${name} ${version}`);
  return `Calls of a tool that echoes, by 1, ${FEW} and ${MANY} sessions at once, each with one connection and one call at a time: calls a second, and in brackets the milliseconds that half of them and 99 of 100 take at most. The server is the same for all (\`@modelcontextprotocol/server-everything\`, Node ${node}); over stdio each session has a process of it, but with mcp-proxy, where all share one. Medians of ${rounds} interleaved rounds on ${machine}; server, gateway and client share the cores, of which the client needs at most ${Math.ceil(clientCores * 100)}% of one. Memory is the largest resident set of the gateway's own process with ${FEW} sessions, in brackets without the pages of files, such as those of its program, which the kernel can drop. ${versions.join(", ")}, logs off; \`bun run bench --gateway\` measures it on your machine.`;
}

/** A line a way. */
export function gatewayTable({ rows }: GatewayResults): readonly (readonly string[])[] {
  const head = ["", "1 session", `${FEW} sessions`, `${MANY} sessions`, `Opening ${FEW}`, "Memory"];
  const lines = rows.map((row) => [
    row.name,
    ...LOADS.map((load) => {
      const { perSecond, p50, p99 } = row[load];
      return `${amount(perSecond.median)}/s (${milliseconds(p50)}, ${milliseconds(p99)})`;
    }),
    `${(row.open.median / 1000).toFixed(1)} s`,
    row.isGateway ? `${amount(row.resident.median)} MB (${amount(row.anonymous.median)})` : "",
  ]);
  return [head, ...lines];
}

/** All figures and what is promised, for the terminal. */
export function gatewayText(results: GatewayResults): string {
  const rows = results.rows.map((row) =>
    [
      row.name.padEnd(24),
      ...LOADS.map((load) => {
        const { perSecond, p50, p99 } = row[load];
        const spread = `${amount(perSecond.median)} [${amount(perSecond.min)}..${amount(perSecond.max)}]/s`;
        return `${spread} ${milliseconds(p50)}/${milliseconds(p99)}`.padEnd(38);
      }),
      `${Math.round(row.open.median)} ms, ${amount(row.resident.median)} MB (${amount(row.anonymous.median)})`,
    ].join(" "),
  );
  const targets = targetsOf(results).map((target) => {
    const { what, found, least, most } = target;
    const limit = least === undefined ? `at most ${most?.toFixed(2)}` : `at least ${least}`;
    return `  ${isMissed(target) ? "MISSED" : "kept  "} ${what}: ${found.toFixed(2)}, ${limit}`;
  });
  return [
    `calls a second, p50 and p99 in ms, with 1, ${FEW} and ${MANY} sessions; opening ${FEW}, memory`,
    ...rows.map((row) => `  ${row}`),
    ...results.leftOut.map(({ name, reason }) => `  left out: ${name} (${reason})`),
    ...targets,
  ].join("\n");
}

function amount(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function milliseconds(value: number): string {
  return value < 10 ? value.toFixed(value < 1 ? 2 : 1) : String(Math.round(value));
}
