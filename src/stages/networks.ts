// How the registries of one image are reached, its own and its mirrors', as the settings and the machine say.

import { keepOutOfLog, log } from "../log.ts";
import type { Reference } from "../oci/reference.ts";
import type { Credentials } from "../registry/credentials.ts";
import { createMirrored } from "../registry/mirrored.ts";
import { formatMirror, type Mirror, mirrored } from "../registry/mirrors.ts";
import { proxyPasswords } from "../registry/proxy.ts";
import type { Registry } from "../registry/registry.ts";
import { createTransport, type Transport } from "../registry/transport.ts";
import { credentialsForMirror } from "./credentials.ts";
import { blockedPort } from "./platform-ports.ts";
import type { ImageRequest } from "./validate.ts";

/** How one registry is asked, and in whose place. */
export interface Access {
  readonly credentials: Credentials | undefined;
  readonly transport: Transport;
  /** The registry that a mirror stands for. */
  readonly mirrorOf?: string;
}

/** The way to an image's registry. Throws INPUT_INVALID for certificates or a proxy that are no use. */
export function transportFor(request: ImageRequest, { registry }: Reference): Transport {
  for (const password of proxyPasswords(request.host)) keepOutOfLog(password);
  const transport = createTransport({
    registry,
    env: request.host,
    caFile: request.registryCaFile,
    plainHttp: request.registryPlainHttp,
  });
  const blocked = blockedPort(transport.endpoint, request.host);
  if (blocked !== undefined) log.warn(blocked);
  return transport;
}

/** The mirrors of an image's registry, in the order in which they are asked. */
export function mirrorsFor(request: ImageRequest, { registry }: Reference): readonly Mirror[] {
  return request.registryMirrors?.get(registry) ?? [];
}

/** For each registry that has mirrors their names, in the order in which they are asked. */
export function mirrorNames({
  registryMirrors = new Map(),
}: Pick<ImageRequest, "registryMirrors">): Readonly<Record<string, readonly string[]>> {
  const entries = [...registryMirrors].map(([registry, mirrors]) => [
    registry,
    mirrors.map(formatMirror),
  ]);
  return Object.fromEntries(entries);
}

/**
 * The registry with its mirrors before it, if it has any. Each is asked with credentials of its own only: those of the
 * registry are none of its business. Throws CREDENTIALS_UNREADABLE and what `open` throws.
 */
export async function behindMirrors(
  origin: Registry,
  request: ImageRequest,
  reference: Reference,
  open: (reference: Reference, access: Access) => Registry,
): Promise<Registry> {
  const named = mirrorsFor(request, reference);
  if (named.length === 0) return origin;
  const mirrors = named.map(async (mirror) => {
    const own = mirrored(reference, mirror);
    const credentials = await credentialsForMirror(request, own);
    const mirrorOf = own.registry === reference.registry ? {} : { mirrorOf: reference.registry };
    const access = { credentials, transport: transportFor(request, own), ...mirrorOf };
    return { name: formatMirror(mirror), registry: open(own, access) };
  });
  return createMirrored({
    origin,
    mirrors: await Promise.all(mirrors),
    onSkip: (name, { code, message }) => {
      // A mirror need not have everything.
      const level = code === "IMAGE_NOT_FOUND" ? "debug" : "warn";
      log[level](`the mirror ${name} is of no use: ${message}`);
    },
  });
}
