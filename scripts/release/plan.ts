// Which names a release gives to an image, and which of them may never stand for another one. Asks registries what they
// have, and changes nothing there.

import packageJson from "../../package.json";
import { run } from "./programs.ts";

/** What has happened: a push to main, or a release that somebody has created for the tag `vX.Y.Z`. */
export type Occasion =
  | { readonly kind: "main" }
  | { readonly kind: "release"; readonly tag: string };

export interface Tag {
  readonly name: string;
  /** Nobody moves it: it must be new, or stand for the very same image. */
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

/** Those of an occasion's tags that it gives in these repositories: `latest-stable` never goes back to an older version. */
export async function tagsIn(
  repositories: readonly string[],
  occasion: Occasion,
  version: string = packageJson.version,
): Promise<Tag[]> {
  const tags = tagsFor(occasion, version);
  if (occasion.kind === "main") return tags;
  const published = (await Promise.all(repositories.map(stableVersions))).flat();
  const isNewest = published.every((one) => Bun.semver.order(one, version) <= 0);
  return isNewest ? tags : tags.filter(({ immutable }) => immutable);
}

/**
 * Throws when a tag that nobody moves stands for another image in any repository, or when a registry does not tell. Where
 * it is this image already, an earlier run has come that far.
 */
export async function refuseTaken(
  repositories: readonly string[],
  tags: readonly Tag[],
  index: string,
): Promise<void> {
  for (const repository of repositories) {
    for (const { name } of tags.filter(({ immutable }) => immutable)) {
      const digest = await digestAt(`${repository}:${name}`);
      if (digest === undefined || digest === index) continue;
      throw new Error(`${repository}:${name} is taken: it is ${digest}, and stays that`);
    }
  }
}

async function stableVersions(repository: string): Promise<string[]> {
  const { exitCode, stdout, stderr } = await run(["crane", "ls", repository]);
  if (exitCode !== 0 && !NOT_THERE.test(stderr)) {
    throw new Error(`cannot tell which versions ${repository} has: ${stderr.trim()}`);
  }
  const versions = stdout.split("\n").map((tag) => VERSION_TAG.exec(tag));
  return versions.flatMap((match) =>
    match === null || match.groups?.["pre"] !== undefined ? [] : [match[0].slice(1)],
  );
}

/** What a reference points to, or undefined where there is none. Throws when the registry answers anything else. */
export async function digestAt(reference: string): Promise<string | undefined> {
  const { exitCode, stdout, stderr } = await run(["crane", "digest", reference]);
  if (exitCode === 0) return stdout.trim();
  if (NOT_THERE.test(stderr)) return undefined;
  throw new Error(`cannot tell whether ${reference} is taken: ${stderr.trim()}`);
}
