// The house's rules about who may know whom, held against the imports that are really there.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const SOURCE = join(import.meta.dir, "..", "src");
const files = [...new Bun.Glob("**/*.ts").scanSync(SOURCE)].sort();

/** What the code of each place may import; a type may come from anywhere. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  cli: ["answer", "errors", "launch", "log", "system"],
  answer: ["command-line", "help", "log", "output", "read-settings", "version"],
  "command-line": ["commands", "errors", "read-settings", "settings"],
  help: ["commands", "read-settings", "settings", "version"],
  commands: [
    "commands",
    "errors",
    "launch",
    "log",
    "oci",
    "output",
    "pipeline",
    "read-settings",
    "settings",
    "stages",
    "system",
    "version",
  ],
  pipeline: ["stages", "system", "log"],
  stages: [
    "archive",
    "cache",
    "errors",
    "gateway",
    "launch",
    "layers",
    "log",
    "oci",
    "registry",
    "read-settings",
    "settings",
    "stages",
    "system",
  ],
  "read-settings": ["errors", "settings"],
  settings: ["errors", "gateway", "settings", "launch", "layers", "log", "oci", "registry"],
  oci: ["errors", "oci"],
  archive: ["archive", "errors"],
  registry: ["archive", "errors", "oci", "registry", "system"],
  layers: ["archive", "errors", "layers", "oci", "system"],
  cache: ["cache", "errors", "oci", "system"],
  launch: ["errors", "launch", "system"],
  gateway: ["errors", "gateway", "system"],
  system: ["errors", "system"],
  output: ["errors"],
  log: ["errors", "system"],
  errors: [],
  version: [],
};

/** Packages with one address each. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  citty: ["command-line.ts"],
  "consola/core": ["log.ts"],
  valibot: ["read-settings.ts", "settings.ts", "settings/", "oci/", "registry/"],
};

/** Effects with one address each: a pattern, and where it may stand. */
const EFFECTS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\bprocess\.(?:argv|exit)\b/, ["cli.ts"]],
  [/\bprocess\.env\b/, ["cli.ts", "system/environ.ts"]],
  [/\bconsole\.|\bprocess\.(?:stdin|stdout|stderr)\b/, []],
  [/\bBun\.spawn(?:Sync)?\(|\bchild_process\b/, ["system/"]],
  [/(?<![.\w])fetch\(/, ["gateway/proxy/", "registry/", "launch/health.ts"]],
  [/\bbun:ffi\b/, ["system/"]],
];

/** Modules that cost every start milliseconds when anything imports them, and where there is no way around one. */
const COSTLY: Readonly<Record<string, readonly string[]>> = {
  "node:child_process": [],
  "node:crypto": [],
  "node:http": [],
  "node:https": [],
  "node:net": ["oci/reference-problem.ts", "registry/host.ts", "registry/proxy.ts"],
  "node:tls": [],
  "node:tty": [],
  "node:zlib": ["archive/decompress.ts"],
};

describe("imports", () => {
  test.each(files)("%s knows only what it may know", (file) => {
    const place = placeOf(file);
    const allowed = ALLOWED[place] ?? [];
    const unexpected = importsOf(file).filter((name) =>
      name.startsWith(".")
        ? !allowed.includes(placeOf(normalize(join(dirname(file), name))))
        : !mayUsePackage(file, name),
    );
    expect(unexpected).toEqual([]);
  });

  test.each(files)("%s makes no start wait for what few starts need", (file) => {
    const costly = importsOf(file).filter((name) => COSTLY[name]?.includes(file) === false);
    expect(costly).toEqual([]);
  });
});

describe("effects", () => {
  test.each(files)("%s has only the effects of its place", (file) => {
    const code = withoutComments(readFileSync(join(SOURCE, file), "utf8"));
    const unexpected = EFFECTS.filter(
      ([pattern, places]) => pattern.test(code) && !places.some((place) => file.startsWith(place)),
    );
    expect(unexpected.map(([pattern]) => pattern.source)).toEqual([]);
  });
});

test("no file needs more than one sitting", () => {
  const long = files.filter(
    (file) => readFileSync(join(SOURCE, file), "utf8").split("\n").length > 320,
  );
  expect(long).toEqual([]);
});

function placeOf(file: string): string {
  const [first = ""] = file.split("/");
  return first.replace(/\.ts$/, "");
}

function importsOf(file: string): readonly string[] {
  const code = readFileSync(join(SOURCE, file), "utf8");
  // Imports of types vanish in this scan: only what remains at run time ties files together.
  return new Bun.Transpiler({ loader: "ts" }).scanImports(code).map(({ path }) => path);
}

function mayUsePackage(file: string, name: string): boolean {
  if (name.startsWith("node:") || name === "bun:ffi") return true;
  return (PACKAGES[name] ?? []).some((place) => file.startsWith(place));
}

function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}
