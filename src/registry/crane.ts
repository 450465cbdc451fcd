// The registry client that is crane, run as a child. Its environment is ours to write, its credentials lie in a private
// directory, and it is asked for manifests and blobs only: what `crane export` makes of layers is not always the image.

import { rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DOCKER_HUB, type Reference } from "../oci/reference.ts";
import {
  runChild,
  startChild,
  type ChildOptions,
  type RunningChild,
  type RunOptions,
  type RunResult,
} from "../system/child.ts";
import { craneConfig } from "./crane-config.ts";
import { craneError, craneUnsafe, startError, type CraneCall } from "./crane-problem.ts";
import type { Credentials } from "./credentials.ts";
import { checkManifestBytes, DEFAULT_MANIFEST_BYTES } from "./manifest-bytes.ts";
import type { Registry } from "./registry.ts";

export interface CraneOptions {
  /** The path of crane. */
  readonly program: string;
  /** The environment that the few variables which crane needs are taken from. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly credentials?: Credentials | undefined;
  /** The registry to sign in to, as a reference names it. */
  readonly registry: string;
  /** Milliseconds of silence after which crane is ended. */
  readonly stallMs: number;
  /** A private directory, for crane alone: its credentials lie there until `close`. */
  readonly directory: string;
  readonly maxManifestBytes?: number;
}

const INHERITED = [
  "PATH",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  ...["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"].flatMap((name) => [name, name.toLowerCase()]),
];

/**
 * Writes the credentials down, if there are any, and returns a client. Whether they are right, and whether there is
 * such a program, shows when the first manifest is asked for. Throws CRANE_FAILED for a registry that it must not ask.
 */
export async function createCrane(options: CraneOptions): Promise<Registry> {
  const { credentials, registry, stallMs, directory } = options;
  const { maxManifestBytes: maxBytes = DEFAULT_MANIFEST_BYTES } = options;
  const problem = craneUnsafe(registry);
  if (problem !== undefined) throw problem;
  const call = { registry, signedIn: credentials !== undefined, stallMs };
  const child = { env: environment(options.env, directory), stallMs };
  const config = join(directory, "config.json");
  if (credentials !== undefined) {
    await writeFile(config, craneConfig(registry, credentials), { mode: 0o600 });
  }
  let program: string | undefined = options.program;
  const argv = (command: string, name: string) => {
    if (program === undefined) throw new Error("the registry client is closed");
    return [program, command, name];
  };
  return {
    client: "crane",
    async manifest(reference) {
      const result = await run(argv("manifest", manifestName(reference)), { ...child, maxBytes });
      if (result.overflowed) return checkManifestBytes(undefined, reference, maxBytes);
      if (result.exitCode !== 0) throw craneError(result, { ...call, asked: { reference } });
      return checkManifestBytes(result.stdout, reference, maxBytes);
    },
    async blob(reference, digest) {
      const name = `${hostOf(reference.registry)}/${reference.repository}@${digest}`;
      const running = start(argv("blob", name), child);
      return openOutput(running, { ...call, asked: { reference, blob: digest } });
    },
    close() {
      program = undefined;
      rmSync(config, { force: true });
    },
  };
}

// Nothing else: what this process was started with is none of crane's business, the password least of all.
function environment(env: CraneOptions["env"], directory: string): Record<string, string> {
  const inherited = INHERITED.flatMap((name) => (env[name] ? [[name, env[name]] as const] : []));
  return { ...Object.fromEntries(inherited), HOME: directory, DOCKER_CONFIG: directory };
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
  call: CraneCall,
): Promise<ReadableStream<Uint8Array>> {
  const reader = child.stdout.getReader();
  const read = async () => {
    const { value } = await reader.read();
    if (value !== undefined) return value;
    const end = await child.ended;
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
  try {
    return await runChild(argv, options);
  } catch (error) {
    throw startError(argv[0] ?? "", error);
  }
}

function start(argv: readonly string[], options: ChildOptions): RunningChild {
  try {
    return startChild(argv, options);
  } catch (error) {
    throw startError(argv[0] ?? "", error);
  }
}
