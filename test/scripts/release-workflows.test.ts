import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import packageJson from "../../package.json";
import { workflowPaths, workflowProblems, workflowText } from "../../scripts/workflows.ts";
import { needs } from "../support/requirements.ts";

const ROOT = join(import.meta.dir, "../..");
const COMMIT = "3d3c42e5aac5ba805825da76410c181273ba90b1";

needs("actionlint")("actionlint finds nothing in the workflows", () => {
  const run = Bun.spawnSync(["actionlint", "-no-color", ...workflowPaths()], { cwd: ROOT });
  expect({ said: run.stdout.toString(), exitCode: run.exitCode }).toEqual({
    said: "",
    exitCode: 0,
  });
});

test("what keeps a release up to date is started by itself", () => {
  const names = workflowPaths().map((path) => path.replace(/^.*\/|\.yml$/g, ""));
  expect(names).toEqual(["ci", "release", "scan", "scorecard"]);
  const planned = (name: string) => triggers(name)["schedule"] as readonly { cron: string }[];
  // Five fields, of which the last is the day of the week.
  expect(planned("release")).toEqual([{ cron: expect.stringMatching(/ \* \* [0-6]$/) as never }]);
  expect(planned("scorecard")).toHaveLength(1);
  expect(planned("scan")).toEqual([{ cron: expect.stringMatching(/ \* \* \*$/) as never }]);
});

describe("the workflow that publishes", () => {
  test("starts for a push to main, a release, and by itself, and never for a pull request", () => {
    expect(Object.keys(triggers("release")).toSorted()).toEqual(["push", "release", "schedule"]);
    expect(triggers("release")["push"]).toEqual({ branches: ["main"] });
    expect(triggers("release")["release"]).toEqual({ types: ["published"] });
  });

  test("never lets a release wait where a push would cancel it", () => {
    const { concurrency } = workflow("release");
    const group = "release-${{ github.event_name == 'release' && github.ref || 'main' }}";
    expect(concurrency).toEqual({ group, "cancel-in-progress": false });
  });

  test("is the only one that may write packages or a release, or see a secret", () => {
    for (const path of workflowPaths().filter((one) => !one.endsWith("/release.yml"))) {
      expect(workflowText(path)).not.toMatch(/packages: write|contents: write|secrets\./);
    }
  });
});

test("a pull request's commits are there to be read", () => {
  const [checkout] = workflow("ci").jobs["check"]?.steps ?? [];
  expect(checkout?.with).toMatchObject({ "fetch-depth": 0 });
});

describe("a workflow", () => {
  test.each(workflowPaths())("%s pins its actions and asks for few rights", (path) => {
    expect(workflowProblems(path, workflowText(path))).toEqual([]);
  });

  test.each(workflowPaths())("%s runs only scripts that there are", (path) => {
    const commands = [...workflowText(path).matchAll(/^ *- run: (.*)$/gm)].map(
      ([, run = ""]) => run,
    );
    for (const command of commands) {
      const script = /(?:^|\s)((?:scripts\/|\.ci\/)\S+)/.exec(command)?.[1];
      if (script === undefined) expect(command).toMatch(/^bun install --frozen-lockfile$/);
      else expect(existsSync(join(ROOT, script))).toBe(true);
      // What is not given to an interpreter must be a program itself.
      if (script !== undefined && !/\bbun scripts\//.test(command)) {
        expect(statSync(join(ROOT, script)).mode & 0o111).toBe(0o111);
      }
    }
  });

  const bad = {
    "a tag": "uses: actions/checkout@v7",
    "a branch": "uses: actions/checkout@main",
    "a commit without its version": `uses: actions/checkout@${COMMIT}`,
    "a short commit": `uses: actions/checkout@${COMMIT.slice(0, 12)} # v7.0.1`,
    "half a version": `uses: actions/checkout@${COMMIT} # v7`,
    "an image's tag": "uses: docker://alpine:3.23",
    "a tag in a flow mapping": "{ uses: actions/checkout@v7 }",
    "a quoted key": '"uses": actions/checkout@v7',
    "somebody else's workflow by its branch": "uses: org/repo/.github/workflows/x.yml@main",
    "a directory of this repository that is no workflow": "uses: ./action",
  };
  test.each(Object.entries(bad))("must not use %s", (_what, use) => {
    const jobs = `jobs: { a: { permissions: {}, steps: [] } }`;
    const text = `permissions: {}\n${jobs}\n# a step:\nsteps:\n  - ${use}\n`;
    expect(workflowProblems("x.yml", text)).toEqual([expect.stringContaining("x.yml:5: ")]);
  });

  const greedy = {
    "no permissions at all": "jobs: {}",
    "rights for every job": "permissions: { contents: read }\njobs: {}",
    "a job that takes what there is": "permissions: {}\njobs: { a: { steps: [] } }",
    "a job that may write everything": "permissions: {}\njobs: { a: { permissions: write-all } }",
  };
  test.each(Object.entries(greedy))("must not have %s", (_what, text) => {
    expect(workflowProblems("x.yml", text)).toHaveLength(1);
  });
});

describe("Renovate", () => {
  const config = JSON.parse(readFileSync(join(ROOT, ".github/renovate.json"), "utf8")) as {
    customManagers: {
      managerFilePatterns: string[];
      matchStrings: string[];
      depNameTemplate?: string;
    }[];
  };

  // What it cannot find by itself: the programs that install-programs pins, and Bun.
  test.each(config.customManagers.map((manager, index) => [index, manager] as const))(
    "its rule %d finds what it is for",
    (_index, { managerFilePatterns, matchStrings }) => {
      const files = managerFilePatterns.map((pattern) => pattern.replace(/^\/\^|\$\/$|\\/g, ""));
      for (const file of files) {
        const text = readFileSync(join(ROOT, file), "utf8");
        for (const pattern of matchStrings) {
          // Renovate asks with this flag only, so that "^" would be the start of the file.
          const found = [...text.matchAll(new RegExp(pattern, "g"))];
          expect(found.length).toBeGreaterThan(0);
          for (const { groups } of found) expect(groups?.["currentValue"]).toMatch(/^v?\d+\.\d+/);
        }
      }
    },
  );

  test("every text that starts Bun by its version means the one of package.json", () => {
    const files = ["README.md", ".ci/run", ".github/CONTRIBUTING.md"];
    for (const file of files) {
      const versions = [...readFileSync(join(ROOT, file), "utf8").matchAll(/\bbun@\d+\.\d+\.\d+/g)];
      expect(versions.length).toBeGreaterThan(0);
      for (const [version] of versions) expect(version).toBe(packageJson.packageManager);
    }
  });
});

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly concurrency?: unknown;
  readonly jobs: Readonly<
    Record<string, { readonly steps?: readonly { readonly with?: Record<string, unknown> }[] }>
  >;
}

function workflow(name: string): Workflow {
  return Bun.YAML.parse(workflowText(`.github/workflows/${name}.yml`)) as Workflow; // actionlint checks it
}

function triggers(name: string): Workflow["on"] {
  return workflow(name).on;
}
