// A whole pull by the built-in client, as the stages make it, with a clock that is turned by hand: from a reference to
// a tree on disk, every digest verified.

import { expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { unpackLayers } from "../../src/layers/unpack.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { createBuiltin } from "../../src/registry/builtin.ts";
import type { Clock } from "../../src/registry/clock.ts";
import type { Credentials } from "../../src/registry/credentials.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { createTransport } from "../../src/registry/transport.ts";
import { fetchConfig } from "../../src/stages/fetch-config.ts";
import { validatePull } from "../../src/stages/validate.ts";
import { flatDisk, type FlatTree } from "../layers/flat-tree.ts";
import type { Arrivals } from "./arrivals.ts";
import { fastClock } from "./fast-clock.ts";
import { tempDir } from "./temp-dir.ts";

export interface PullOptions {
  readonly credentials?: Credentials | undefined;
  readonly stallMs?: number | undefined;
  /** What the machine says of proxies and certificates. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** An authority to trust besides. */
  readonly caFile?: string | undefined;
  /** Told what has come of layers. */
  readonly arrivals?: Arrivals | undefined;
  /** Its waits take no time. */
  readonly clock?: Clock | undefined;
}

/** Long enough never to matter, in tests where nothing stalls. */
const NO_STALL_MS = 20_000;

/** Pulls `host/repository:tag` and returns its tree; when it fails, nothing of it is left. */
export async function pullFrom(image: string, options: PullOptions = {}): Promise<FlatTree> {
  using directory = tempDir("fastmcp-runner-pulled-");
  const root = join(directory.path, "root");
  const flags = { to: root };
  const request = validatePull({ image, flags, serverArguments: [], environment: {} });
  const registry = openBuiltin(image, options);
  try {
    const { layers } = await fetchConfig({ registry, [Symbol.dispose]() {} }, request);
    const sources = layers.map((layer) => ({
      ...layer,
      open: async () => told(await registry.blob(layer.descriptor), options.arrivals),
    }));
    await unpackLayers(sources, root, { limits: { ...request.limits, diskBytes: 2 ** 30 } });
    expect(readdirSync(directory.path)).toEqual(["root"]);
    return flatDisk(root);
  } catch (error) {
    expect(readdirSync(directory.path)).toEqual([]);
    throw error;
  } finally {
    registry.close();
  }
}

/** The built-in client, with the test's clock. Where it stands nothing is known of proxies, unless told. */
export function openBuiltin(image: string, options: PullOptions): Registry {
  const { credentials, stallMs = NO_STALL_MS, env = {}, caFile, clock = fastClock() } = options;
  const reference = parseReference(image);
  const transport = createTransport({ registry: reference.registry, env, caFile });
  return createBuiltin(reference, { credentials, stallMs, transport, clock });
}

function told(
  stream: ReadableStream<Uint8Array>,
  arrivals: Arrivals | undefined,
): ReadableStream<Uint8Array> {
  if (arrivals === undefined) return stream;
  const telling = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      arrivals.tell(chunk.byteLength);
      controller.enqueue(chunk);
    },
  });
  return stream.pipeThrough(telling);
}
