// Keeps docs/CHANGELOG.md: writes the section of a version from the subjects of the commits since the last one, for a
// person to read and mend. Knows Conventional Commits, and subjects of the form "area: what changes".
//
//   bun run changelog 1.2.3

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Occasion } from "./plan.ts";
import { mustRun } from "./programs.ts";

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

/** The section of a version. `date` is that of its newest commit. */
export function section(version: string, date: string, subjects: readonly string[]): string {
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
  return [`## ${version} - ${date}\n`, ...parts.filter(Boolean)].join("\n");
}

/** The changelog with one more section, above all others. Throws when the version has one. */
export function withSection(changelog: string, version: string, text: string): string {
  if (hasSection(changelog, version)) throw new Error(`docs/CHANGELOG.md has ${version} already`);
  const at = changelog.search(/^## /m);
  if (at < 0) return `${changelog.trimEnd()}\n\n${text}`;
  return `${changelog.slice(0, at)}${text}\n${changelog.slice(at)}`;
}

export function hasSection(changelog: string, version: string): boolean {
  return changelog.split("\n").some((line) => line.startsWith(`## ${version} - `));
}

/** Throws for a release whose version is not in the changelog. */
export function refuseUndescribed(occasion: Occasion, changelog = readChangelog()): void {
  if (occasion.kind === "main" || hasSection(changelog, occasion.tag.replace(/^v/, ""))) return;
  throw new Error(`docs/CHANGELOG.md has no section for ${occasion.tag}`);
}

export function readChangelog(): string {
  return readFileSync(CHANGELOG, "utf8");
}

async function main(version: string | undefined): Promise<void> {
  if (version === undefined || !/^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/.test(version)) {
    throw new Error("which version? bun run changelog 1.2.3");
  }
  const git = (...args: string[]) => mustRun(["git", "-C", ROOT, ...args]);
  const tags = (await git("tag", "--merged", "HEAD", "--sort=-v:refname", "--list", "v*")).split(
    "\n",
  );
  const range = tags[0] ? [`${tags[0]}..HEAD`] : ["HEAD"];
  const subjects = (await git("log", "--no-merges", "--format=%s", ...range)).split("\n");
  const date = (await git("log", "-1", "--format=%cs")).trim();
  const text = section(version, date, subjects.filter(Boolean));
  await Bun.write(CHANGELOG, withSection(readChangelog(), version, text));
}

if (import.meta.main) await main(process.argv[2]);
