// Stage 2: a registry that is signed in, through the client that is asked for or at hand.

import { RunnerError } from "../errors.ts";
import { keepOutOfLog, log } from "../log.ts";
import type { Reference } from "../oci/reference.ts";
import { createBuiltin } from "../registry/builtin.ts";
import { createCrane } from "../registry/crane.ts";
import { craneObstacle } from "../registry/crane-problem.ts";
import type { Credentials } from "../registry/credentials.ts";
import type { Registry } from "../registry/registry.ts";
import { formatRetry } from "../registry/retry.ts";
import type { Transport } from "../registry/transport.ts";
import { nameOf } from "../read-settings.ts";
import { memoryDirectory } from "../system/private-directory.ts";
import { findProgram } from "../system/programs.ts";
import { runDirectory, sweepRunDirectories } from "../system/run-directory.ts";
import { credentialsFor } from "./credentials.ts";
import { diskSession } from "./disk-session.ts";
import { type Access, behindMirrors, mirrorsFor, transportFor } from "./networks.ts";
import type { ImageRequest } from "./validate.ts";

/** Access to the registry; disposing it forgets the credentials. */
export interface Session extends Disposable {
  readonly registry: Registry;
}

export interface AuthenticateOptions {
  /** How often the built-in client makes a request at most; as often as makes sense when absent. */
  readonly tries?: number | undefined;
}

/** A mirror is no place to wait for: there is another one behind it. */
const MIRROR_TRIES = 2;

/**
 * Throws CREDENTIALS_UNREADABLE, CRANE_MISSING and CRANE_FAILED, and INPUT_INVALID for certificates or a proxy that are
 * no use; a wrong password shows at the first request. For an image on disk it throws what `diskSession` throws.
 */
export async function authenticate(
  request: ImageRequest,
  options: AuthenticateOptions = {},
): Promise<Session> {
  const { image } = request;
  if (image.kind !== "registry") return await diskSession(image, request);
  const { reference } = image;
  const credentials = await credentialsFor(request, reference);
  const transport = transportFor(request, reference);
  const crane = chooseCrane(request, reference, transport);
  log.debug(`registry client: ${crane ?? "built in"}`);
  return crane === undefined
    ? await builtinSession(request, reference, { credentials, transport, ...options })
    : await craneSession(request, reference, { program: crane, credentials, transport });
}

type BuiltinAccess = Access & AuthenticateOptions;

async function builtinSession(
  request: ImageRequest,
  reference: Reference,
  access: BuiltinAccess,
): Promise<Session> {
  const open = (itsReference: Reference, { mirrorOf, ...its }: BuiltinAccess): Registry =>
    createBuiltin(itsReference, {
      ...its,
      stallMs: request.registryTimeout * 1000,
      limitMs: request.pullTimeout * 1000,
      concurrency: request.registryConcurrency,
      maxManifestBytes: request.maxManifestBytes,
      onRetry: (retry) => log.warn(formatRetry(retry)),
      onWarning: (unsafeText) => log.warn(`${itsReference.registry} lets you know: ${unsafeText}`),
      onSecret: keepOutOfLog,
      ...(mirrorOf && { mirrorOf, tries: MIRROR_TRIES }),
    });
  const registry = await behindMirrors(open(reference, access), request, reference, open);
  return { registry, [Symbol.dispose]: () => registry.close() };
}

interface CraneAccess {
  readonly program: string;
  readonly credentials: Credentials | undefined;
  readonly transport: Transport;
}

async function craneSession(
  request: ImageRequest,
  reference: Reference,
  { credentials, ...crane }: CraneAccess,
): Promise<Session> {
  // crane keeps the password in its configuration: in memory where there is a tmpfs, for this user alone, and gone
  // with the session or on any other way out.
  const memory = memoryDirectory(request.host);
  const prefix = "fastmcp-runner-auth-";
  // Only SIGKILL leaves one behind.
  await sweepRunDirectories(memory, { exclusive: false, prefix });
  const directory = runDirectory(memory, prefix);
  const registry = await createCrane({
    ...crane,
    env: request.host,
    reference,
    stallMs: request.registryTimeout * 1000,
    limitMs: request.pullTimeout * 1000,
    maxManifestBytes: request.maxManifestBytes,
    directory: directory.path,
    ...(credentials && { credentials }),
  });
  const close = () => {
    registry.close();
    directory[Symbol.dispose]();
  };
  return { registry, [Symbol.dispose]: close };
}

function chooseCrane(
  request: ImageRequest,
  reference: Reference,
  transport: Transport,
): string | undefined {
  const { registryClient, host } = request;
  if (registryClient === "builtin") return undefined;
  const program = findProgram("crane", host["PATH"]);
  const hasMirrors = mirrorsFor(request, reference).length > 0;
  const obstacle = craneObstacle({ registry: reference.registry, transport, hasMirrors });
  if (registryClient === "auto") {
    if (obstacle === undefined || program === undefined) return program;
    log.debug(`crane is not used: ${obstacle.message}`);
    return undefined;
  }
  if (obstacle !== undefined) throw obstacle;
  if (program !== undefined) return program;
  throw new RunnerError(
    "CRANE_MISSING",
    `${nameOf("registryClient")} is crane, but there is no crane on PATH`,
  );
}
