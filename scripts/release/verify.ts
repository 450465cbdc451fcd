// Verifies a publication from the outside, as its users do: by its tags, with cosign, and against what was to be said.

import { readFileSync } from "node:fs";
import { verifyAttestation, verifyImage } from "./cosign.ts";
import { digestAt } from "./plan.ts";
import type { Publication } from "./publish.ts";

/** Throws unless every tag has the index, signed, and every attestation is there, signed and unchanged. */
export async function verifyPublication(publication: Publication): Promise<void> {
  const { repositories, tags, index, attestations, signer } = publication;
  for (const repository of repositories) {
    for (const { name } of tags) {
      const reference = `${repository}:${name}`;
      if ((await digestAt(reference)) !== index) throw new Error(`${reference} is not ${index}`);
      await verifyImage(signer, reference);
      await verifyAttestation(signer, reference, "spdx");
    }
    for (const { digest, type, predicate } of attestations) {
      const reference = `${repository}@${digest}`;
      await verifyImage(signer, reference);
      const found = await verifyAttestation(signer, reference, type);
      const expected: unknown = JSON.parse(readFileSync(predicate, "utf8"));
      // Publishing once more attests once more.
      if (!found.some((one) => Bun.deepEquals(one, expected))) {
        throw new Error(`${reference} has another ${type} attestation than ${predicate}`);
      }
    }
  }
}
