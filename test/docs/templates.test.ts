// What users copy from docs/, held against the code and against what Hugging Face reads of it. That the Dockerfiles
// work is shown where they are built, in test/container.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { REPOSITORIES } from "../../scripts/release/plan.ts";
import { COMMANDS } from "../../src/commands/commands.ts";
import { BAKED_IMAGE_FILE } from "../../src/launch/baked-root.ts";
import { SETTINGS, type SettingRow } from "../../src/settings.ts";

const DOCS = join(import.meta.dir, "../../docs");
const VARIABLES = Object.values(SETTINGS).flatMap(({ env }: SettingRow) => env ?? []);
const FLAGS = Object.values(SETTINGS).flatMap(({ flag }: SettingRow) => flag ?? []);
const TEMPLATES = ["baked", "space"] as const;

function read(...names: readonly string[]): string {
  return readFileSync(join(DOCS, ...names), "utf8");
}

/** The instructions of a Dockerfile, continued lines joined, without comments. */
function instructionsOf(template: string): readonly string[] {
  const text = read(template, "Dockerfile").replaceAll(/^#.*\n/gm, "");
  return text.replaceAll("\\\n", " ").split("\n").filter(Boolean);
}

describe.each(TEMPLATES)("docs/%s", (template) => {
  const texts = [read(template, "README.md"), read(template, "Dockerfile")];

  test("starts from the runner's published image", () => {
    const [repository = ""] = REPOSITORIES;
    const [first, second] = instructionsOf(template);
    expect(first).toBe(`ARG RUNNER=${repository}:latest-stable`);
    expect(second).toStartWith("FROM ${RUNNER}");
  });

  test("names settings and flags that there are", () => {
    for (const text of texts) {
      // Words of several parts in capitals are settings, but for what is the server's or the platform's.
      const others = /^(?:MCP_ENV_\w+|SPACE_HOST)$/;
      const named = text.match(/\b[A-Z]+(?:_[A-Z]+)+\b/g) ?? [];
      expect(named.filter((name) => !VARIABLES.includes(name) && !others.test(name))).toEqual([]);
      const flags = [...text.matchAll(/fastmcp-runner (\w+)([^`\n]*)/g)].flatMap(
        ([, command = "", rest = ""]) => [
          ...(command in COMMANDS ? [] : [command]),
          ...[...rest.matchAll(/--([a-z-]+)/g)].map(([, flag = ""]) => flag),
        ],
      );
      expect(flags.filter((flag) => !FLAGS.includes(flag))).toEqual([]);
    }
  });

  test("links to files that there are", () => {
    for (const [, target = ""] of read(template, "README.md").matchAll(
      /\]\((?!https:)([^)]+)\)/g,
    )) {
      const [path = ""] = target.split("#");
      expect(existsSync(join(dirname(join(DOCS, template, "README.md")), path)), target).toBe(true);
    }
  });

  test("listens where it says", () => {
    const port = /^ENV PORT=(\d+)\b/m.exec(instructionsOf(template).join("\n"))?.[1];
    expect(port).toBe("7860");
    expect(texts[0]).toContain("7860");
  });

  test("runs as 1000:1000, which is who a Space runs as", () => {
    expect(instructionsOf(template)).toContain("USER 1000:1000");
  });
});

test("the description of a baked image is where the documentation says", () => {
  expect(read("baked", "README.md")).toContain(BAKED_IMAGE_FILE);
});

test("a build's secrets are mounted, for one step, under the names of the settings", () => {
  const steps = instructionsOf("baked").filter((line) => line.includes("secret"));
  expect(steps).toHaveLength(1);
  const ids = [...(steps[0] ?? "").matchAll(/--mount=type=secret,id=(\w+)/g)].map(([, id]) => id);
  expect(ids).toEqual([SETTINGS.registryUser.env, SETTINGS.registryPassword.env]);
  // An argument would be in the image's history.
  const declared = instructionsOf("baked").filter((line) => /^(?:ARG|ENV)\b/.test(line));
  expect(declared.join("\n")).not.toMatch(/REGISTRY|PASSWORD|TOKEN/);
});

test("the health of a baked image is asked by the runner in it, as a start is", () => {
  const [health = "", entrypoint = ""] = ["HEALTHCHECK", "ENTRYPOINT"].map((name) =>
    instructionsOf("baked").find((line) => line.startsWith(name)),
  );
  const start: readonly string[] = JSON.parse(entrypoint.replace("ENTRYPOINT", ""));
  expect(JSON.parse(health.replace(/^.* CMD /, ""))).toEqual([...start, "healthcheck"]);
});

describe("the Space's metadata", () => {
  const [, head = "", body = ""] = read("space", "README.md").split(/^---$/m);
  const metadata = Bun.YAML.parse(head) as Readonly<Record<string, unknown>>;

  // https://huggingface.co/docs/hub/spaces-config-reference
  test("is what Hugging Face knows", () => {
    const colors = ["red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"];
    expect(metadata).toEqual({
      title: expect.any(String),
      emoji: expect.stringMatching(/^\p{Extended_Pictographic}\u{fe0f}?$/u),
      colorFrom: expect.stringMatching(new RegExp(`^(?:${colors.join("|")})$`)),
      colorTo: expect.stringMatching(new RegExp(`^(?:${colors.join("|")})$`)),
      sdk: "docker",
      app_port: 7860,
      pinned: false,
      short_description: expect.any(String),
    });
    // Longer ones are refused.
    expect(String(metadata["short_description"]).length).toBeLessThanOrEqual(60);
  });

  test("says the port that the Dockerfile sets, which has a failed start shown", () => {
    const [settings] = instructionsOf("space").filter((line) => line.startsWith("ENV "));
    expect(settings).toBe(`ENV PORT=${metadata["app_port"]} START_FAILURE=page`);
  });

  test("stands before a text that makes each secret of the runner's one of the Space's", () => {
    const kinds = Object.fromEntries(
      [...body.matchAll(/^\| `(\w+)` +\| (\w+) +\|/gm)].map(([, name, kind]) => [name, kind]),
    );
    expect(kinds).toMatchObject({
      IMAGE: "variable",
      AUTH_TOKEN: "secret",
      REGISTRY_USER: "secret",
      REGISTRY_PASSWORD: "secret",
    });
    // https://huggingface.co/docs/hub/spaces-overview#networking, #space-visibility, /spaces-sdks-docker#permissions
    for (const fact of [
      "Only ports 80, 443 and 8080 can be reached",
      "Everything runs as UID 1000",
      "Everybody, if the Space is public",
      "a paid plan",
    ]) {
      expect(body).toMatch(new RegExp(fact));
    }
  });
});
