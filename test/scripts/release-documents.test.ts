import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "bun:test";
import packageJson from "../../package.json";

const ROOT = join(import.meta.dir, "../..");
const DOCUMENTS = [
  "README.md",
  ".github/CONTRIBUTING.md",
  ".github/SECURITY.md",
  "docs/CHANGELOG.md",
];

const text = (path: string) => readFileSync(join(ROOT, path), "utf8");

test.each(DOCUMENTS)("%s links to files and headings that there are", (path) => {
  for (const [, link = ""] of text(path).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^https?:/.test(link)) continue;
    const [file = "", heading] = link.split("#");
    const target = file === "" ? path : join(dirname(path), file);
    expect({ link, exists: existsSync(join(ROOT, target)) }).toEqual({ link, exists: true });
    if (heading !== undefined) expect(headingsOf(target)).toContain(heading);
  }
});

test.each(DOCUMENTS)("%s names only commands that package.json has", (path) => {
  for (const [, name = ""] of text(path).matchAll(/\bbun(?:@[\d.]+)? run ([a-z][a-z:-]*)/g)) {
    expect(Object.keys(packageJson.scripts)).toContain(name);
  }
});

test.each(DOCUMENTS)("%s names only files of this repository that there are", (path) => {
  const named = text(path).matchAll(/`((?:src|test|scripts|docs|\.ci|\.github)\/[\w./-]*)`/g);
  for (const [, name = ""] of named) {
    expect({ name, exists: existsSync(join(ROOT, name)) }).toEqual({ name, exists: true });
  }
});

test("the workflows use the secrets that CONTRIBUTING names, and no others", () => {
  const named = [...text(".github/CONTRIBUTING.md").matchAll(/`(DOCKERHUB_[A-Z]+)`/g)];
  const workflows = [...new Bun.Glob(".github/workflows/*.yml").scanSync({ cwd: ROOT, dot: true })];
  const used = workflows.flatMap((path) => [...text(path).matchAll(/secrets\.(\w+)/g)]);
  const names = (found: readonly RegExpMatchArray[]) =>
    [...new Set(found.map(([, name = ""]) => name))].toSorted();
  expect(names(used)).toEqual(names(named));
});

// As GitHub makes them.
function headingsOf(path: string): string[] {
  return [...text(path).matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );
}
