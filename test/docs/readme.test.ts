// The README as its reader finds a way through it.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const README = readFileSync(join(import.meta.dir, "../../README.md"), "utf8");

// https://github.com/gjtorikian/html-pipeline/blob/v2.14.3/lib/html/pipeline/toc_filter.rb
function anchorOf(heading: string): string {
  const words = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\- ]/gu, "");
  return `#${words.replaceAll(" ", "-")}`;
}

const sections = [...README.matchAll(/^## (.+)$/gm)].map(([, heading = ""]) => heading);

test("its contents are its sections, in their order, but for the licence", () => {
  const [contents = ""] = README.split("\n").filter((line) => line.startsWith("[See it]"));
  const links = [...contents.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)].map(([, text, to]) => [
    text,
    to,
  ]);
  const wanted = sections.filter((heading) => heading !== "Licence");
  expect(links).toEqual(wanted.map((heading) => [heading, anchorOf(heading)]));
});

test("its links within itself lead somewhere", () => {
  const anchors = [...README.matchAll(/^#{2,3} (.+)$/gm)].map(([, heading = ""]) =>
    anchorOf(heading),
  );
  const links = [...README.matchAll(/\]\((#[^)]+)\)/g)].map(([, to = ""]) => to);
  expect(links.filter((to) => !anchors.includes(to))).toEqual([]);
});
