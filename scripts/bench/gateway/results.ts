// What gateways cost, as it is written to JSON and as the table and the README read it, and whether it is as little as
// this runner promises.

import { type LeftOut, median, type Spread, spreadOf } from "../results.ts";
import type { Load } from "./load.ts";
import type { GatewaySample } from "./run.ts";
import type { GatewayWay, WayId } from "./ways.ts";

/** Medians of the rounds. */
export interface LoadFigures {
  readonly perSecond: Spread;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export interface GatewayRow {
  readonly id: WayId;
  readonly name: string;
  readonly isGateway: boolean;
  /** Milliseconds until 16 sessions are open. */
  readonly open: Spread;
  /** Megabytes of the gateway's own process with 16 sessions, and those of them that are no pages of files. */
  readonly resident: Spread;
  readonly anonymous: Spread;
  readonly one: LoadFigures;
  readonly few: LoadFigures;
  readonly many: LoadFigures;
}

export interface GatewayResults {
  readonly machine: string;
  readonly rounds: number;
  readonly programs: Readonly<Record<string, string>>;
  /** The most that the measuring side needed of a core. */
  readonly clientCores: number;
  readonly rows: readonly GatewayRow[];
  readonly leftOut: readonly LeftOut[];
}

export interface WaySamples {
  readonly way: Pick<GatewayWay, "id" | "name" | "isGateway">;
  readonly samples: readonly GatewaySample[];
}

/** A row for each that has samples, in the same order. */
export function gatewayRows(all: readonly WaySamples[]): readonly GatewayRow[] {
  return all
    .filter(({ samples }) => samples.length > 0)
    .map(({ way: { id, name, isGateway }, samples }) => ({
      id,
      name,
      isGateway,
      open: spreadOf(samples.map(({ openMs }) => openMs)),
      resident: spreadOf(samples.map(({ memory }) => memory.resident)),
      anonymous: spreadOf(samples.map(({ memory }) => memory.anonymous)),
      one: figuresOf(samples.map(({ one }) => one)),
      few: figuresOf(samples.map(({ few }) => few)),
      many: figuresOf(samples.map(({ many }) => many)),
    }));
}

export function mostClientCores(all: readonly WaySamples[]): number {
  const loads = all.flatMap(({ samples }) =>
    samples.flatMap(({ one, few, many }) => [one, few, many]),
  );
  return Math.max(0, ...loads.map(({ clientCores }) => clientCores));
}

/** A promise and what has been found of it. */
export interface Target {
  readonly what: string;
  readonly found: number;
  /** `found` has to be at least or at most this. */
  readonly least?: number;
  readonly most?: number;
}

/** What this runner promises; nothing of those of which there are no figures. */
export function targetsOf({ rows }: Pick<GatewayResults, "rows">): readonly Target[] {
  const row = (id: WayId) => rows.find((one) => one.id === id);
  const [direct, proxy, bridge, peer] = [
    row("direct"),
    row("proxy"),
    row("bridge"),
    row("supergateway"),
  ];
  const targets: Target[] = [];
  const add = (what: string, found: number, limit: Pick<Target, "least" | "most">) =>
    void targets.push({ what, found, ...limit });
  if (bridge && peer) {
    add("its rate with 1 session, times supergateway's", times(bridge, peer, "one"), { least: 5 });
    add("its rate with 16, times supergateway's", times(bridge, peer, "few"), { least: 4 });
    for (const load of ["one", "few"] as const) {
      const part = bridge[load].p99 / peer[load].p99;
      add(`its p99 with ${load === "one" ? 1 : 16}, times supergateway's`, part, { most: 1 / 3 });
    }
  }
  if (bridge) add("its megabytes with 16 sessions", bridge.resident.median, { most: 60 });
  if (proxy && direct) {
    add("the proxy's rate with 1 session, times the server's", times(proxy, direct, "one"), {
      least: 0.9,
    });
    add("the proxy's rate with 16, times the server's", times(proxy, direct, "few"), {
      least: 0.9,
    });
  }
  return targets;
}

export function isMissed({ found, least = -Infinity, most = Infinity }: Target): boolean {
  return found < least || found > most;
}

type LoadName = "one" | "few" | "many";

function times(one: GatewayRow, other: GatewayRow, load: LoadName): number {
  return one[load].perSecond.median / other[load].perSecond.median;
}

function figuresOf(loads: readonly Load[]): LoadFigures {
  return {
    perSecond: spreadOf(loads.map(({ perSecond }) => perSecond)),
    p50: rounded(median(loads.map(({ p50 }) => p50))),
    p99: rounded(median(loads.map(({ p99 }) => p99))),
  };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
