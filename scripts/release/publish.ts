// Puts an image into registries, signs it there, attests what it contains and where it came from, and only then gives
// it its names: whoever pulls a tag gets what can be verified.

import type { Digest } from "../../src/oci/digest.ts";
import { attest, type AttestationType, type Signer, signImage } from "./cosign.ts";
import { digestAt, refuseTaken, type Tag } from "./plan.ts";
import { mustRun } from "./programs.ts";

export interface Attestation {
  /** The index, or one of its images. */
  readonly digest: Digest;
  readonly type: AttestationType;
  /** The file that holds it. */
  readonly predicate: string;
}

export interface Publication {
  /** An OCI layout that offers nothing but the index. */
  readonly layout: string;
  readonly index: Digest;
  readonly repositories: readonly string[];
  readonly tags: readonly Tag[];
  readonly attestations: readonly Attestation[];
  readonly signer: Signer;
}

/**
 * Publishes to all repositories, or, where a tag that nobody moves is another image's in any, to none. What has stopped
 * half-way goes on when it is published again.
 */
export async function publish(publication: Publication): Promise<void> {
  const { repositories, tags, index } = publication;
  await refuseTaken(repositories, tags, index);
  for (const repository of repositories) await upload(repository, publication);
  // Uploading takes minutes, in which somebody may have been faster.
  await refuseTaken(repositories, tags, index);
  for (const repository of repositories) await name(repository, publication);
}

/** The lines that say what would be published. */
export function describe(
  repositories: readonly string[],
  tags: readonly Tag[],
  index: Digest,
): string[] {
  return repositories.flatMap((repository) =>
    tags.map(({ name: tag, immutable }) => {
      const rule = immutable ? "must be new" : "moves";
      return `${repository}:${tag} → ${index} (${rule})`;
    }),
  );
}

async function upload(repository: string, publication: Publication): Promise<void> {
  const { layout, index, attestations, signer } = publication;
  await mustRun(["crane", "push", layout, `${repository}@${index}`]);
  await signImage(signer, `${repository}@${index}`);
  for (const { digest, type, predicate } of attestations) {
    await attest(signer, `${repository}@${digest}`, type, predicate);
  }
}

async function name(repository: string, { index, tags }: Publication): Promise<void> {
  for (const { name: tag } of tags) {
    await mustRun(["crane", "tag", `${repository}@${index}`, tag]);
    const digest = await digestAt(`${repository}:${tag}`);
    if (digest !== index) throw new Error(`${repository}:${tag} is ${digest}, not ${index}`);
  }
}
