// Verifies a publication from the outside, as its users do: by its tags, with cosign, and against what was to be said.

import { readFileSync } from "node:fs";
import { verifyAsShown, verifyAttestation, verifyImage } from "./cosign.ts";
import { digestAt } from "./plan.ts";
import type { Publication } from "./publish.ts";
import { shownCommands } from "./shown.ts";

/**
 * Throws unless every tag has the index, the README's commands are content with it, and every attestation is there, signed
 * and unchanged.
 */
export async function verifyPublication(publication: Publication): Promise<void> {
  const { repositories } = publication;
  await Promise.all(repositories.map((repository) => verifyRepository(repository, publication)));
}

async function verifyRepository(repository: string, publication: Publication): Promise<void> {
  const { tags, index, attestations, signer } = publication;
  for (const { name } of tags) {
    const reference = `${repository}:${name}`;
    const digest = await digestAt(reference);
    if (digest !== index) throw new Error(`${reference} is ${digest}, not ${index}`);
    for (const { options } of shownCommands()) await verifyAsShown(signer, options, reference);
  }
  for (const digest of new Set([index, ...attestations.map((one) => one.digest)])) {
    await verifyImage(signer, `${repository}@${digest}`);
  }
  for (const { digest, type, predicate } of attestations) {
    const reference = `${repository}@${digest}`;
    const found = await verifyAttestation(signer, reference, type);
    const expected: unknown = JSON.parse(readFileSync(predicate, "utf8"));
    // Publishing once more attests once more.
    if (found.some((one) => Bun.deepEquals(one, expected))) continue;
    throw new Error(`${reference} has another ${type} attestation than ${predicate}`);
  }
}
