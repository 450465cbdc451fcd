// What it costs to reach a server through a gateway: this runner's bridge and proxy, other people's bridges, and the
// server's own HTTP. Round after round, in an order that changes.

import { chmodSync } from "node:fs";
import { join } from "node:path";
import { reasonOf } from "../../src/errors.ts";
import { PEERS, prepareGateways } from "./gateway/ground.ts";
import { type GatewayResults, gatewayRows, mostClientCores } from "./gateway/results.ts";
import { FEW, type GatewaySample, measureGateway } from "./gateway/run.ts";
import { gatewayText } from "./gateway/section.ts";
import { type GatewayWay, gatewayWays } from "./gateway/ways.ts";
import { describeMachine, versionOf } from "./machine.ts";

export interface GatewayOptions {
  readonly binary: string;
  readonly rounds: number;
  /** An empty directory for all that is written. */
  readonly directory: string;
}

interface Entrant {
  readonly way: GatewayWay;
  readonly samples: GatewaySample[];
  problem: string | undefined;
}

const RATE_SECONDS = 1.5;
const CLIENT_MAX_CORES = 0.8;

/** Measures them all; one that fails once is left out from then on. Throws when the runner itself does. */
export async function benchGateways(
  { binary, rounds, directory }: GatewayOptions,
  report: (line: string) => void,
): Promise<GatewayResults> {
  // Other users pass through it.
  chmodSync(directory, 0o755);
  report("building the server's image, and fetching other gateways");
  const ground = await prepareGateways(binary, join(directory, "ground"));
  const entrants = gatewayWays(ground).map((way): Entrant => ({
    way,
    samples: [],
    problem: undefined,
  }));
  for (let round = 0; round < rounds; round += 1) {
    const start = round % entrants.length;
    for (const entrant of [...entrants.slice(start), ...entrants.slice(0, start)]) {
      await runEntrant(entrant, directory);
      report(`round ${round + 1} of ${rounds}: ${said(entrant)}`);
    }
  }
  const own = entrants.find(({ way, problem }) => way.id === "bridge" && problem !== undefined);
  if (own !== undefined) throw new Error(`${own.way.name}: ${own.problem}`);
  const measured = entrants.filter(({ problem }) => problem === undefined);
  const results: GatewayResults = {
    machine: describeMachine(directory),
    rounds,
    programs: {
      Node: ground.nodeVersion,
      "fastmcp-runner": versionOf([binary, "--version"]),
      ...PEERS,
    },
    clientCores: mostClientCores(measured),
    rows: gatewayRows(measured),
    leftOut: entrants.flatMap(({ way: { name }, problem: reason }) =>
      reason === undefined ? [] : [{ name, reason }],
    ),
  };
  console.log(`\n${gatewayText(results)}`);
  return results;
}

/** What is wrong with the figures, if anything: that they are the client's. */
export function gatewayProblem({ clientCores }: GatewayResults): string | undefined {
  return clientCores > CLIENT_MAX_CORES ? "the measuring side limits what it measures" : undefined;
}

async function runEntrant(entrant: Entrant, directory: string): Promise<void> {
  if (entrant.problem !== undefined) return;
  try {
    entrant.samples.push(await measureGateway(entrant.way, directory, RATE_SECONDS));
  } catch (error) {
    entrant.problem = reasonOf(error);
  }
}

function said({ way: { name }, samples, problem }: Entrant): string {
  const sample = samples.at(-1);
  if (problem !== undefined || sample === undefined) return `${name} is left out: ${problem}`;
  const rates = [sample.one, sample.few, sample.many].map(
    ({ perSecond }) => `${perSecond.toFixed(0)}/s`,
  );
  return `${name} ${rates.join(", ")}, ${FEW} sessions in ${sample.openMs.toFixed(0)} ms`;
}
