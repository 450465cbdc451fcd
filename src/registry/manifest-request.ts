// An image's manifests, and what its name stands for today, as a registry tells them.

import { digestOf, isDigest, type Digest } from "../oci/digest.ts";
import { MANIFEST_ACCEPT } from "../oci/media-type.ts";
import type { Reference } from "../oci/reference.ts";
import { checkManifestBytes } from "./manifest-bytes.ts";
import { messageRefusal } from "./message-refusal.ts";
import type { Session } from "./session.ts";

// A HEAD that is refused says nothing for itself, and some registries refuse one where they answer a GET.
const WORTH_A_GET = new Set([400, 401, 402, 403, 404, 405, 412, 451, 501]);

/** GETs a manifest; a digest in the reference has been checked. */
export async function fetchManifest(
  session: Session,
  reference: Reference,
  maxBytes: number,
): Promise<Uint8Array> {
  const path = manifestPath(reference);
  const message = await session.read(path, { accept: MANIFEST_ACCEPT, maxBytes });
  if (message.status !== 200) throw messageRefusal(message, { ...session.asked, reference });
  return checkManifestBytes(message.bytes, reference, maxBytes);
}

/**
 * What the reference stands for, by one HEAD, which counts as no pull. Only a hint: whoever GETs it verifies. Undefined
 * where the registry does not say, or says something else than a digest.
 */
export async function fetchDigest(
  session: Session,
  reference: Reference,
  maxBytes: number,
): Promise<Digest | undefined> {
  const options = { method: "HEAD", accept: MANIFEST_ACCEPT, maxBytes: 0 } as const;
  const head = await session.read(manifestPath(reference), options);
  const unsafeDigest = head.headers.get("docker-content-digest") ?? "";
  if (head.status === 200) return isDigest(unsafeDigest) ? unsafeDigest : undefined;
  if (head.isForeign || !WORTH_A_GET.has(head.status)) throw messageRefusal(head, session.asked);
  return digestOf(await fetchManifest(session, reference, maxBytes));
}

function manifestPath({ repository, tag, digest }: Reference): string {
  return `/v2/${repository}/manifests/${digest ?? tag}`;
}
