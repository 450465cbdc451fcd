// The registry client that is crane, run as a child. Its environment is ours to write, its credentials lie in a private
// directory, and it is asked for manifests and blobs only: what `crane export` makes of layers is not always the image.

import { rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDigest } from "../oci/digest.ts";
import { DOCKER_HUB, formatReference, pinReference, type Reference } from "../oci/reference.ts";
import {
  runChild,
  startChild,
  type ChildOptions,
  type RunningChild,
  type RunOptions,
  type RunResult,
} from "../system/child.ts";
import { craneConfig } from "./crane-config.ts";
import { craneEnvironment } from "./crane-environment.ts";
import { craneError, craneObstacle, startError, type CraneCall } from "./crane-problem.ts";
import type { Credentials } from "./credentials.ts";
import { startDeadline } from "./deadline.ts";
import { zoneOf } from "./host.ts";
import { checkManifestBytes, DEFAULT_MANIFEST_BYTES } from "./manifest-bytes.ts";
import type { Registry } from "./registry.ts";
import { askedWith } from "./refusal.ts";
import { createTransport, type Transport } from "./transport.ts";

export interface CraneOptions {
  /** The path of crane. */
  readonly program: string;
  /** The environment that the few variables which crane needs are taken from. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly credentials?: Credentials | undefined;
  readonly reference: Reference;
  /** How the registry is reached; by the environment alone when absent. */
  readonly transport?: Transport;
  /** Milliseconds of silence after which crane is ended. */
  readonly stallMs: number;
  /** Milliseconds that everything together may take from now on; 0 for no limit. */
  readonly limitMs?: number;
  /** A private directory, for crane alone: its credentials lie there until `close`. */
  readonly directory: string;
  readonly maxManifestBytes?: number;
}

/**
 * Writes the credentials down, if there are any, and returns a client. Whether they are right, and whether there is
 * such a program, shows when the first manifest is asked for. Throws CRANE_FAILED for a registry that it must not ask.
 */
export async function createCrane(options: CraneOptions): Promise<Registry> {
  const { credentials, reference, stallMs, directory } = options;
  const { registry, repository } = reference;
  const { maxManifestBytes: maxBytes = DEFAULT_MANIFEST_BYTES, limitMs = 0 } = options;
  const { env, transport = createTransport({ registry, env }) } = options;
  const problem = craneObstacle({ registry, transport });
  if (problem !== undefined) throw problem;
  const { proxy } = transport.route(transport.endpoint);
  const asked = askedWith(reference, credentials);
  const call = { asked, stallMs, proxy };
  const deadline = startDeadline(formatReference(reference), limitMs);
  const { signal } = deadline;
  const child = { env: craneEnvironment(env, directory, transport), stallMs, signal };
  const config = join(directory, "config.json");
  if (credentials !== undefined) {
    await writeFile(config, craneConfig(registry, credentials), { mode: 0o600 });
  }
  const flags = isPlainFarAway(transport.endpoint) ? ["--insecure"] : [];
  let program: string | undefined = options.program;
  const argv = (command: string, name: string) => {
    if (program === undefined) throw new Error("the registry client is closed");
    return [program, ...flags, command, name];
  };
  return {
    client: "crane",
    async digest() {
      const result = await run(argv("digest", manifestName(reference)), { ...child, maxBytes });
      if (result.exitCode !== 0) throw craneError(result, call);
      const text = Buffer.from(result.stdout).toString().trim();
      return isDigest(text) ? text : undefined;
    },
    async manifest(digest) {
      const wanted = digest === undefined ? reference : pinReference(reference, digest);
      const result = await run(argv("manifest", manifestName(wanted)), { ...child, maxBytes });
      if (result.overflowed) return checkManifestBytes(undefined, wanted, maxBytes);
      if (result.exitCode !== 0)
        throw craneError(result, { ...call, asked: { ...asked, reference: wanted } });
      return checkManifestBytes(result.stdout, wanted, maxBytes);
    },
    async blob({ digest }) {
      const name = `${hostOf(registry)}/${repository}@${digest}`;
      const running = start(argv("blob", name), child);
      return openOutput(running, signal, { ...call, asked: { ...asked, blob: digest } });
    },
    close() {
      deadline.clear();
      program = undefined;
      rmSync(config, { force: true });
    },
  };
}

// To a registry on this machine crane speaks plain http by itself. To others it then speaks TLS without checking it, or
// plain http: no more can be had from a registry that is meant to be asked without encryption.
function isPlainFarAway(endpoint: URL): boolean {
  return endpoint.protocol === "http:" && zoneOf(endpoint) !== "loopback";
}

// crane's name for Docker Hub, under which it looks for credentials.
function hostOf(registry: string): string {
  return registry === DOCKER_HUB ? "index.docker.io" : registry;
}

function manifestName({ registry, repository, tag, digest }: Reference): string {
  return `${hostOf(registry)}/${repository}${digest === undefined ? `:${tag}` : `@${digest}`}`;
}

/**
 * A child's output, once there is some: a refusal is thrown at once and not in the first read. It ends well only if the
 * child does, so that half a blob is never taken for a whole one.
 */
async function openOutput(
  child: RunningChild,
  signal: AbortSignal | undefined,
  call: CraneCall,
): Promise<ReadableStream<Uint8Array>> {
  const reader = child.stdout.getReader();
  const read = async () => {
    const { value } = await reader.read();
    if (value !== undefined) return value;
    const end = await child.ended;
    signal?.throwIfAborted();
    if (end.exitCode !== 0) throw craneError(end, call);
    return undefined;
  };
  let first = await read();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = first ?? (await read());
        first = undefined;
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel: () => child.kill(),
    },
    { highWaterMark: 0 },
  );
}

async function run(argv: readonly string[], options: RunOptions): Promise<RunResult> {
  let result: RunResult;
  try {
    result = await runChild(argv, options);
  } catch (error) {
    throw startError(argv[0] ?? "", error);
  }
  options.signal?.throwIfAborted();
  return result;
}

function start(argv: readonly string[], options: ChildOptions): RunningChild {
  try {
    return startChild(argv, options);
  } catch (error) {
    throw startError(argv[0] ?? "", error);
  }
}
