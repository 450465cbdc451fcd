// Stage 2: a registry that is signed in, through the client that is asked for or at hand.

import { RunnerError } from "../errors.ts";
import { keepOutOfLog, log } from "../log.ts";
import type { Reference } from "../oci/reference.ts";
import { createBuiltin } from "../registry/builtin.ts";
import { createCrane } from "../registry/crane.ts";
import type { Credentials } from "../registry/credentials.ts";
import { craneMayDowngrade } from "../registry/host.ts";
import type { Registry } from "../registry/registry.ts";
import { formatRetry } from "../registry/retry.ts";
import { nameOf } from "../read-settings.ts";
import { memoryDirectory } from "../system/private-directory.ts";
import { findProgram } from "../system/programs.ts";
import { runDirectory, sweepRunDirectories } from "../system/run-directory.ts";
import { credentialsFor } from "./credentials.ts";
import { diskSession } from "./disk-session.ts";
import type { ImageRequest } from "./validate.ts";

/** Access to the registry; disposing it forgets the credentials. */
export interface Session extends Disposable {
  readonly registry: Registry;
}

/**
 * Throws CREDENTIALS_UNREADABLE, CRANE_MISSING and CRANE_FAILED; a wrong password shows at the first request. For an
 * image on disk it throws what `diskSession` throws.
 */
export async function authenticate(request: ImageRequest): Promise<Session> {
  const { image } = request;
  if (image.kind !== "registry") return await diskSession(image, request);
  const { reference } = image;
  const credentials = await credentialsFor(request, reference);
  const crane = chooseCrane(request, reference);
  log.debug(`registry client: ${crane ?? "built in"}`);
  return crane === undefined
    ? builtinSession(request, reference, credentials)
    : await craneSession(request, reference, crane, credentials);
}

function builtinSession(
  request: ImageRequest,
  reference: Reference,
  credentials: Credentials | undefined,
): Session {
  const registry = createBuiltin(reference, {
    stallMs: request.registryTimeout * 1000,
    limitMs: request.pullTimeout * 1000,
    maxManifestBytes: request.maxManifestBytes,
    credentials,
    onRetry: (retry) => log.warn(formatRetry(retry)),
    onWarning: (unsafeText) => log.warn(`${reference.registry} lets you know: ${unsafeText}`),
    onSecret: keepOutOfLog,
  });
  return { registry, [Symbol.dispose]: () => registry.close() };
}

async function craneSession(
  request: ImageRequest,
  reference: Reference,
  program: string,
  credentials: Credentials | undefined,
): Promise<Session> {
  // crane keeps the password in its configuration: in memory where there is a tmpfs, for this user alone, and gone
  // with the session or on any other way out.
  const memory = memoryDirectory(request.host);
  const prefix = "fastmcp-runner-auth-";
  // Only SIGKILL leaves one behind.
  await sweepRunDirectories(memory, { exclusive: false, prefix });
  const directory = runDirectory(memory, prefix);
  const registry = await createCrane({
    program,
    env: request.host,
    reference,
    stallMs: request.registryTimeout * 1000,
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
  { registryClient, host }: ImageRequest,
  { registry }: Reference,
): string | undefined {
  if (registryClient === "builtin") return undefined;
  const program = findProgram("crane", host["PATH"]);
  if (registryClient === "crane") {
    if (program !== undefined) return program;
    throw new RunnerError(
      "CRANE_MISSING",
      `${nameOf("registryClient")} is crane, but there is no crane on PATH`,
    );
  }
  return craneMayDowngrade(registry) ? undefined : program;
}
