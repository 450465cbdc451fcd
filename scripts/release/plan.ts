// Which names a release gives to an image, and which of them may never be given twice. Pure but for one question: is a
// tag taken?

import packageJson from "../../package.json";
import { run } from "./programs.ts";

/** What has happened: a push to main, or a release that somebody has created for the tag `vX.Y.Z`. */
export type Occasion =
  | { readonly kind: "main" }
  | { readonly kind: "release"; readonly tag: string };

export interface Tag {
  readonly name: string;
  /** It must not exist yet, and nobody will move it. */
  readonly immutable: boolean;
}

export const REPOSITORIES = [
  "ghcr.io/drengskapur/fastmcp-runner",
  "docker.io/drengskapur/fastmcp-runner",
] as const;

// Semantic versions without build metadata, which no tag can have: https://semver.org/spec/v2.0.0.html
const VERSION_TAG = /^v(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?<pre>-[0-9A-Za-z.-]+)?$/;

/** What registries say, as crane prints it, of a repository or a tag that does not exist. */
const NOT_THERE = /\b(?:MANIFEST_UNKNOWN|NAME_UNKNOWN|404 Not Found)\b/;

/** What has happened, by the variables of GitHub Actions. Throws when nothing has that anything is published for. */
export function occasionOf(environment: Readonly<Record<string, string | undefined>>): Occasion {
  const event = environment["GITHUB_EVENT_NAME"];
  const ref = environment["GITHUB_REF"];
  const tag = /^refs\/tags\/(.+)$/.exec(ref ?? "")?.[1];
  if (event === "release" && tag !== undefined) return { kind: "release", tag };
  // The weekly rebuild is of main, too.
  const isMain = ref === "refs/heads/main";
  if (isMain && (event === "push" || event === "schedule")) return { kind: "main" };
  throw new Error(`nothing is published for the event "${event}" on ${ref}`);
}

/** The tags of an occasion. Throws for a release whose tag is not the version of package.json. */
export function tagsFor(occasion: Occasion, version: string = packageJson.version): Tag[] {
  if (occasion.kind === "main") return [{ name: "latest", immutable: false }];
  const match = VERSION_TAG.exec(occasion.tag);
  if (match === null) throw new Error(`"${occasion.tag}" is no version tag, such as v1.2.3`);
  if (occasion.tag !== `v${version}`) {
    throw new Error(`the release is ${occasion.tag}, but package.json has version ${version}`);
  }
  const exact = { name: occasion.tag, immutable: true };
  // A release candidate is no stable release.
  return match.groups?.["pre"] === undefined
    ? [exact, { name: "latest-stable", immutable: false }]
    : [exact];
}

/** Throws when a tag that must be new is taken in any repository, or when a registry does not tell. */
export async function refuseTaken(
  repositories: readonly string[],
  tags: readonly Tag[],
): Promise<void> {
  for (const repository of repositories) {
    for (const { name } of tags.filter(({ immutable }) => immutable)) {
      const digest = await digestAt(`${repository}:${name}`);
      if (digest === undefined) continue;
      throw new Error(`${repository}:${name} is taken: it is ${digest}, and stays that`);
    }
  }
}

/** What a reference points to, or undefined where there is none. Throws when the registry answers anything else. */
export async function digestAt(reference: string): Promise<string | undefined> {
  const { exitCode, stdout, stderr } = await run(["crane", "digest", reference]);
  if (exitCode === 0) return stdout.trim();
  if (NOT_THERE.test(stderr)) return undefined;
  throw new Error(`cannot tell whether ${reference} is taken: ${stderr.trim()}`);
}
