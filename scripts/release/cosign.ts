// Signs images and files with cosign, attests documents to images, and verifies all of it. Two ways: "keyless", by the
// workflow's own identity, as releases do; and with a key that lies in a file, without any service on the network.

import { join } from "node:path";
import { mustRun } from "./programs.ts";

export type Signer =
  | { readonly kind: "keyless" }
  | {
      readonly kind: "key";
      readonly privateKey: string;
      readonly publicKey: string;
      /** Whom to trust besides the key: nobody. Without it cosign asks the network. */
      readonly trustedRoot: string;
    };

/** What cosign calls the types of attestations, where users ask for them. */
export type AttestationType = "spdx" | "slsaprovenance1";

// By "spdx" cosign would attest SPDX's older format that is not JSON; and by "slsaprovenance1" it would write the
// predicate anew and misspell its invocationId. Either way the statement has the type that is asked for above.
const STATED_TYPES: Readonly<Record<AttestationType, string>> = {
  spdx: "spdxjson",
  slsaprovenance1: "https://slsa.dev/provenance/v1",
};

/** Whose signatures count: the workflow that publishes, for main or a release, as GitHub vouches for it. */
export const IDENTITY = {
  "certificate-identity-regexp":
    "^https://github\\.com/drengskapur/fastmcp-runner/\\.github/workflows/release\\.yml@refs/(heads/main|tags/v[^/]+)$",
  "certificate-oidc-issuer": "https://token.actions.githubusercontent.com",
} as const;

/** A key in a file, for a run that nobody has to trust. */
export async function throwAwayKey(directory: string): Promise<Signer> {
  const prefix = join(directory, "throw-away");
  await cosign(["generate-key-pair", `--output-key-prefix=${prefix}`]);
  const trustedRoot = `${prefix}.root.json`;
  await cosign(["trusted-root", "create", `--out=${trustedRoot}`]);
  return { kind: "key", privateKey: `${prefix}.key`, publicKey: `${prefix}.pub`, trustedRoot };
}

/** Signs what a digest stands for, in the repository of the reference. */
export async function signImage(signer: Signer, reference: string): Promise<void> {
  await cosign(["sign", "--yes", "--recursive", ...signing(signer), pinned(reference)]);
}

export async function attest(
  signer: Signer,
  reference: string,
  type: AttestationType,
  predicate: string,
): Promise<void> {
  const about = [`--type=${STATED_TYPES[type]}`, `--predicate=${predicate}`];
  await cosign(["attest", "--yes", ...signing(signer), ...about, pinned(reference)]);
}

/** Where the signature of a file lies, and with it all that is needed to verify. */
export function bundleOf(path: string): string {
  return `${path}.sigstore.json`;
}

/** Signs a file; the signature lies beside it. */
export async function signFile(signer: Signer, path: string): Promise<void> {
  const bundle = ["--new-bundle-format", `--bundle=${bundleOf(path)}`];
  await cosign(["sign-blob", "--yes", ...signing(signer), ...bundle, path]);
}

/** Throws unless the image is signed. */
export async function verifyImage(signer: Signer, reference: string): Promise<void> {
  await cosign(["verify", ...verifying(signer), reference]);
}

/**
 * Verifies an image as a command does that users are shown, without its first word and its image. A key takes the place of
 * the identity that the command names.
 */
export async function verifyAsShown(
  signer: Signer,
  shown: readonly string[],
  reference: string,
): Promise<void> {
  const isIdentity = (option: string) => option.startsWith("--certificate-");
  const options = shown.filter((option) => signer.kind === "keyless" || !isIdentity(option));
  const instead = signer.kind === "keyless" ? [] : verifying(signer);
  await cosign([...options, ...instead, reference]);
}

/** The predicates of a type that are attested to the image. Throws when there is none with a good signature. */
export async function verifyAttestation(
  signer: Signer,
  reference: string,
  type: AttestationType,
): Promise<unknown[]> {
  const text = await cosign([
    "verify-attestation",
    `--type=${type}`,
    ...verifying(signer),
    reference,
  ]);
  return text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => {
      const { payload } = JSON.parse(line) as { payload: string };
      const statement = JSON.parse(Buffer.from(payload, "base64").toString()) as {
        predicate: unknown;
      };
      return statement.predicate;
    });
}

export async function verifyFile(signer: Signer, path: string): Promise<void> {
  const bundle = ["--new-bundle-format", `--bundle=${bundleOf(path)}`];
  await cosign(["verify-blob", ...verifying(signer), ...bundle, path]);
}

function signing(signer: Signer): string[] {
  return signer.kind === "keyless" ? [] : [`--key=${signer.privateKey}`, "--tlog-upload=false"];
}

function verifying(signer: Signer): string[] {
  return signer.kind === "keyless"
    ? Object.entries(IDENTITY).map(([name, value]) => `--${name}=${value}`)
    : [
        `--key=${signer.publicKey}`,
        `--trusted-root=${signer.trustedRoot}`,
        "--insecure-ignore-tlog=true",
      ];
}

// A tag may be moved between two commands: only a digest is ever signed.
function pinned(reference: string): string {
  if (/@sha256:[0-9a-f]{64}$/.test(reference)) return reference;
  throw new Error(`${reference} is signed by its digest only`);
}

// A throw-away key needs no password, but cosign would ask for one.
function cosign(args: readonly string[]): Promise<string> {
  return mustRun(["cosign", ...args], { environment: { COSIGN_PASSWORD: "" } });
}
