// Keeps docs/CHANGELOG.md: writes the section of a version from the subjects of the commits since the last one, for a
// person to read and mend. Knows Conventional Commits, and subjects of the form "area: what changes".
//
//   bun run changelog 1.2.3

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Occasion } from "./plan.ts";
import { mustRun, run } from "./programs.ts";

export interface Subject {
  readonly kind: "breaking" | "feat" | "fix" | "other";
  readonly area: string;
  readonly what: string;
}

const ROOT = join(import.meta.dir, "../..");
const CHANGELOG = join(ROOT, "docs/CHANGELOG.md");

/** https://www.conventionalcommits.org/en/v1.0.0/ */
const TYPES = "build|chore|ci|docs|feat|fix|perf|refactor|revert|style|test";
const CONVENTIONAL = new RegExp(
  `^(?<type>${TYPES})(?:\\((?<area>[^()]+)\\))?(?<bang>!)?: (?<what>\\S.*)$`,
);
const BY_AREA = /^(?<area>\w[\w./-]*(?:, \w[\w./-]*)*): (?<what>\S.*)$/;
/** As `git revert` writes it. */
const REVERT = /^Revert "(?<what>.+)"$/;

const TITLES = { breaking: "Breaking", feat: "New", fix: "Mended", other: "Changed" } as const;

/** What a commit's subject says, or undefined when it is of neither form. */
export function parseSubject(subject: string): Subject | undefined {
  const { type = "", area, bang, what = "" } = CONVENTIONAL.exec(subject)?.groups ?? {};
  // "test: …" and "build: …" are of both forms, and mean the same.
  if (what !== "") {
    const kind = bang ? "breaking" : type === "feat" || type === "fix" ? type : "other";
    return { kind, area: area ?? type, what };
  }
  const reverted = REVERT.exec(subject)?.groups?.["what"];
  if (reverted !== undefined) return { kind: "other", area: "revert", what: reverted };
  const groups = BY_AREA.exec(subject)?.groups;
  if (groups === undefined) return undefined;
  return { kind: "other", area: groups["area"] ?? "", what: groups["what"] ?? "" };
}

/** The section of a version. It has no date: the release has. */
export function section(version: string, subjects: readonly string[]): string {
  const parsed = subjects.map((subject) => {
    return parseSubject(subject) ?? { kind: "other" as const, area: "", what: subject };
  });
  const parts = (["breaking", "feat", "fix", "other"] as const).map((kind) => {
    const lines = parsed
      .filter((one) => one.kind === kind)
      .sort((one, other) => (one.area < other.area ? -1 : Number(one.area > other.area)))
      .map(({ area, what }) => `- ${area === "" ? "" : `${area}: `}${what}`);
    return lines.length === 0 ? "" : `### ${TITLES[kind]}\n\n${lines.join("\n")}\n`;
  });
  return [`## ${version}\n`, ...parts.filter(Boolean)].join("\n");
}

/** The changelog with one more section, above all others. Throws when the version has one. */
export function withSection(changelog: string, version: string, text: string): string {
  if (hasSection(changelog, version)) throw new Error(`docs/CHANGELOG.md has ${version} already`);
  const at = changelog.search(/^## /m);
  if (at < 0) return `${changelog.trimEnd()}\n\n${text}`;
  return `${changelog.slice(0, at)}${text}\n${changelog.slice(at)}`;
}

export function hasSection(changelog: string, version: string): boolean {
  return changelog.split("\n").includes(`## ${version}`);
}

/** Throws for a release whose version is not in the changelog. */
export function refuseUndescribed(occasion: Occasion, changelog = readChangelog()): void {
  if (occasion.kind === "main" || hasSection(changelog, occasion.tag.replace(/^v/, ""))) return;
  throw new Error(`docs/CHANGELOG.md has no section for ${occasion.tag}`);
}

export function readChangelog(): string {
  return readFileSync(CHANGELOG, "utf8");
}

/** The subjects of the commits since the nearest version, the newest first; of all commits where there is no version. */
export async function newSubjects(checkout: string): Promise<string[]> {
  const git = ["git", "-C", checkout];
  const last = await run([...git, "describe", "--tags", "--abbrev=0", "--match=v[0-9]*"]);
  const range = last.exitCode === 0 ? `${last.stdout.trim()}..HEAD` : "HEAD";
  const log = await mustRun([...git, "log", "--no-merges", "--format=%s", range]);
  return log.split("\n").filter(Boolean);
}

async function main(version: string | undefined): Promise<void> {
  if (version === undefined || !/^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/.test(version)) {
    throw new Error("which version? bun run changelog 1.2.3");
  }
  const text = section(version, await newSubjects(ROOT));
  await Bun.write(CHANGELOG, withSection(readChangelog(), version, text));
}

if (import.meta.main) await main(process.argv[2]);
