// One row of a table of misbehaviours: what a registry does, and what must come of it.

import { expect, test } from "bun:test";
import type { Credentials } from "../../src/registry/credentials.ts";
import type { FlatTree } from "../layers/flat-tree.ts";
import { countArrivals } from "./arrivals.ts";
import { fastClock } from "./fast-clock.ts";
import { expectRefused } from "./expect-refused.ts";
import { buildImage, type BuiltImage } from "./image-builder.ts";
import {
  SERVICE,
  startMisbehavingRegistry,
  type Fault,
  type Host,
  type MisbehavingOptions,
  type MisbehavingRegistry,
} from "./misbehaving-registry.ts";
import { identityFor, openWay } from "./public-names.ts";
import { needs } from "./requirements.ts";
import { pullFrom } from "./pull-from.ts";

/** A code, and part of the sentence. */
export type Refused = readonly [code: string, words: string];

export interface PublicNames extends Readonly<Record<Host, string>> {
  /** The token service's, where it is not the registry's. */
  readonly token?: string;
}

export interface Row {
  readonly title: string;
  readonly faults?: readonly Fault[];
  readonly registry?: Partial<MisbehavingOptions>;
  readonly credentials?: Credentials;
  readonly stallMs?: number;
  /** The image is asked for by its digest. */
  readonly isPinned?: boolean;
  /** By which names the hosts are known to the world; then they speak TLS. */
  readonly names?: PublicNames;
  /** As it stands in IMAGE; by default `org/app:1` at the registry. */
  readonly image?: string;
  /** The error's code and part of its sentence, where it must fail; else the tree must be right. HOST is the registry. */
  readonly refused?: Refused | undefined;
  /** Every request and its status, in order. */
  readonly story?: readonly string[];
  /** Milliseconds that the client means to wait, with the longest throws of its dice. */
  readonly waits?: readonly number[];
}

export const ACCOUNT = { username: "somebody", password: "canary-password" };

/** What the registry itself asks for, where tokens are wanted. */
export const OWN_CHALLENGE = `Bearer realm="http://HOST/token",service="${SERVICE}",scope="repository:org/app:pull"`;

const CONTENT = Buffer.from(Array.from({ length: 3000 }, (_, index) => (index * 7919) % 251));
/** Its one layer is not compressed: every byte of it counts. */
export const IMAGE = buildImage({
  layers: [[{ path: "file", content: CONTENT }]],
  compression: "none",
});
export const TREE = {
  ".": "directory 755 @0",
  file: expect.stringMatching(/^file 644 @0 /) as unknown as string,
} satisfies FlatTree;

/** The layer, as the registry sends it. */
export const LAYER = IMAGE.blobs.get(IMAGE.layers[0] ?? IMAGE.root.digest) ?? new Uint8Array();

/** A test for every row; what rows have in common may stand beside them. */
export function holdRows(rows: readonly Row[], common: Partial<Row> = {}): void {
  for (const own of rows) {
    const row = { ...common, ...own, registry: { ...common.registry, ...own.registry } };
    const run = row.names === undefined ? test : needs("openssl");
    run(row.title, () => holdRow(row));
  }
}

/** Pulls once, and holds the outcome against the row. */
async function holdRow(row: Row): Promise<void> {
  const arrivals = countArrivals();
  await using registry = await startRegistry({ ...row, registry: { ...row.registry, arrivals } });
  await using way = row.names && (await openWay(portsOf(row.names, registry)));
  const clock = fastClock();
  const { credentials, stallMs } = row;
  const options = { credentials, stallMs, clock, arrivals, env: way?.env, caFile: way?.caFile };
  const name = row.isPinned ? `org/app@${IMAGE.root.digest}` : "org/app:1";
  const pull = pullFrom(row.image ?? `${registry.host}/${name}`, options);
  if (row.refused === undefined) expect(await pull).toEqual(TREE);
  else await expectRefused(pull, row.refused[0], placed(row.refused[1], registry));
  if (row.story !== undefined) expect(registry.story).toEqual([...row.story]);
  if (row.waits !== undefined) expect(clock.waits).toEqual([...row.waits]);
}

/** Starts a registry with the row's faults and one image. */
export function startRegistry(row: Row, image: BuiltImage = IMAGE): Promise<MisbehavingRegistry> {
  const { names, faults = [] } = row;
  return startMisbehavingRegistry({
    images: { "org/app:1": image },
    ...(names && { names, tls: identityFor(Object.values(names)) }),
    ...row.registry,
    faults,
  });
}

function portsOf(names: PublicNames, { ports }: MisbehavingRegistry): Record<string, number> {
  const { registry, storage, stranger, token = registry } = names;
  return {
    [registry]: ports.registry,
    [token]: ports.registry,
    [storage]: ports.storage,
    [stranger]: ports.stranger,
  };
}

function placed(words: string, { host, storageHost, strangerHost }: MisbehavingRegistry): string {
  return words
    .replace("HOST", host)
    .replace("STORAGE", storageHost)
    .replace("STRANGER", strangerHost);
}
