// Judges the workflows of GitHub Actions by the house's own rules: every action is pinned to a full commit, with its
// version beside it, and no workflow has a right that a job of it has not asked for.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const FOLDER = ".github/workflows";

/** A commit has 40 digits: a tag or a branch can be moved by whoever gets hold of the action's repository. */
const PINNED = /^[\w.-]+(?:\/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/;
const OWN = /^\.\/\.github\/workflows\/[\w.-]+\.yml$/;

/** The paths of the workflows, from the root of the repository. */
export function workflowPaths(): string[] {
  return [...new Bun.Glob(`${FOLDER}/*.{yml,yaml}`).scanSync({ cwd: ROOT, dot: true })].sort();
}

export function workflowText(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** What is wrong with a workflow, a sentence each. */
export function workflowProblems(path: string, text: string): string[] {
  return [...pinProblems(path, text), ...permissionProblems(path, text)];
}

function pinProblems(path: string, text: string): string[] {
  return text.split("\n").flatMap((line, index) => {
    const used = /(?:^|[\s{,-])["']?uses["']?\s*:\s*(.*)$/
      .exec(line.replace(/^\s*#.*/, ""))?.[1]
      ?.trim();
    if (used === undefined || PINNED.test(used) || OWN.test(used)) return [];
    return [`${path}:${index + 1}: "${used}" is not pinned to a commit with its version beside it`];
  });
}

function permissionProblems(path: string, text: string): string[] {
  const workflow = Bun.YAML.parse(text) as {
    readonly permissions?: unknown;
    readonly jobs?: Readonly<Record<string, { readonly permissions?: unknown }>>;
  };
  const problems: string[] = [];
  if (!Bun.deepEquals(workflow.permissions, {})) {
    problems.push(`${path}: the workflow must have "permissions: {}", and each job its own`);
  }
  for (const [name, { permissions }] of Object.entries(workflow.jobs ?? {})) {
    if (typeof permissions === "object" && permissions !== null) continue;
    problems.push(`${path}: the job ${name} does not list its permissions`);
  }
  return problems;
}
