// Says where a build came from, as a predicate of SLSA's. Only what the build knows by itself goes in.
//
// https://slsa.dev/spec/v1.0/provenance

import { readFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../package.json";
import type { SourceState } from "./source.ts";

/** Who builds, and on whose request. */
export interface Builder {
  /** A URI that whoever verifies has to trust. */
  readonly id: string;
  /** A URI of this very run. */
  readonly invocation: string;
  /** Such as `refs/heads/main`. */
  readonly ref: string;
}

export interface Base {
  readonly name: string;
  /** `sha256:…`; absent for what was made on the spot. */
  readonly digest?: string;
}

const SOURCE = `https://github.com/${packageJson.repository.replace(/^github:/, "")}`;

// https://docs.github.com/en/actions/reference/workflows-and-actions/variables
const GITHUB_VARIABLES = [
  "SERVER_URL",
  "REPOSITORY",
  "WORKFLOW_REF",
  "REF",
  "RUN_ID",
  "RUN_ATTEMPT",
] as const;

const DOCKERFILE = join(import.meta.dir, "../../Dockerfile");

export function provenance(
  { commit }: SourceState,
  builder: Builder,
  bases: readonly Base[],
): object {
  const { id, invocation, ref } = builder;
  const git = `git+${SOURCE}@${ref}`;
  return {
    buildDefinition: {
      buildType: `${SOURCE}/tree/main/scripts/release`,
      externalParameters: { source: git, commit },
      resolvedDependencies: [
        { uri: git, digest: { gitCommit: commit } },
        ...distinct(bases).map(({ name, digest }) => ({
          uri: `docker://${name}`,
          ...(digest && { digest: { sha256: digest.replace("sha256:", "") } }),
        })),
        { uri: `pkg:npm/${packageJson.packageManager}` },
      ],
    },
    runDetails: {
      builder: { id },
      metadata: { invocationId: invocation },
    },
  };
}

/** The base image that the Dockerfile names. */
export function alpineBase(dockerfile = readFileSync(DOCKERFILE, "utf8")): Required<Base> {
  const [, name, digest] = /^ARG BASE=([^\s@]+)@(sha256:[0-9a-f]{64})$/m.exec(dockerfile) ?? [];
  if (name === undefined || digest === undefined) {
    throw new Error("the Dockerfile names no base by its digest");
  }
  return { name, digest };
}

/** Who builds in GitHub Actions, by the variables that it sets; undefined elsewhere. */
export function githubBuilder(
  environment: Readonly<Record<string, string | undefined>>,
): Builder | undefined {
  const values = GITHUB_VARIABLES.map((name) => environment[`GITHUB_${name}`] || undefined);
  if (values.includes(undefined)) return undefined;
  const [server, repository, workflow, ref = "", run, attempt] = values;
  return {
    id: `${server}/${workflow}`,
    invocation: `${server}/${repository}/actions/runs/${run}/attempts/${attempt}`,
    ref,
  };
}

function distinct(bases: readonly Base[]): Base[] {
  return [...new Map(bases.map((base) => [base.name, base])).values()];
}
