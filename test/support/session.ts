// Sessions with a registry on loopback, and the registry's ways to want a token, for tests.

import { MANIFEST_ACCEPT } from "../../src/oci/media-type.ts";
import { parseReference } from "../../src/oci/reference.ts";
import type { Message } from "../../src/registry/request.ts";
import { Session, type SessionOptions } from "../../src/registry/session.ts";
import { fastClock } from "./fast-clock.ts";
import { buildImage } from "./image-builder.ts";
import {
  SERVICE,
  startLoopbackRegistry,
  type LoopbackRegistry,
  type LoopbackRegistryOptions,
  type RecordedRequest,
} from "./loopback-registry.ts";

/** What the requests for the image that `startRegistry` has look like. */
export const MANIFEST = "GET /v2/org/app/manifests/1";

const IMAGE = buildImage({ layers: [[{ path: "file", content: "content" }]] });
/** Long enough never to matter. */
const STALL_MS = 20_000;

export function startRegistry(options: LoopbackRegistryOptions): LoopbackRegistry {
  return startLoopbackRegistry({ images: { "org/app:1": IMAGE }, ...options });
}

export function openSession(
  { host }: { readonly host: string },
  options: Partial<SessionOptions> = {},
): Session {
  const reference = parseReference(`${host}/org/app:1`);
  return new Session(reference, { stallMs: STALL_MS, clock: fastClock(), ...options });
}

export function readManifest(session: Session, tag = "1"): Promise<Message> {
  const options = { accept: MANIFEST_ACCEPT, maxBytes: 1_000_000 };
  return session.read(`/v2/org/app/manifests/${tag}`, options);
}

/** A registry that wants a token, and a service whose answers have these members. */
export function lasting(members: object) {
  return atToken(() => Response.json({ token: crypto.randomUUID(), ...members }));
}

export function atToken(answer: (request: RecordedRequest) => Response) {
  return (request: RecordedRequest) => {
    if (request.path === "/token") return answer(request);
    return request.headers.has("authorization") ? undefined : unauthorized(bearer(request.host));
  };
}

export function bearer(host: string): string {
  return `Bearer realm="http://${host}/token",service="${SERVICE}",scope="repository:org/app:pull"`;
}

export function unauthorized(...challenges: readonly string[]): Response {
  const headers = new Headers();
  for (const challenge of challenges) headers.append("www-authenticate", challenge);
  return new Response(null, { status: 401, headers });
}

export function redirect(location: string): Response {
  return new Response(null, { status: 307, headers: { location } });
}

export function summary({ requests }: LoopbackRegistry): string[] {
  return requests.map(({ method, path }) => `${method} ${path}`);
}
