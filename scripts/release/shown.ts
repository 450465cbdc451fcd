// The commands with which the README lets users verify an image, taken from its text: what is shown is what is run.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface ShownCommand {
  /** What follows `cosign`, without the image. */
  readonly options: readonly string[];
  readonly image: string;
}

const README = join(import.meta.dir, "../../README.md");

/** In the order in which they are shown. Throws for what is no plain command of words and quoted words. */
export function shownCommands(readme = readFileSync(README, "utf8")): ShownCommand[] {
  const lines = readme.replaceAll(/ \\\n */g, " ").matchAll(/^cosign (.*)$/gm);
  return [...lines].map(([, line = ""]) => {
    const words = [...line.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word);
    if (words.some((word) => /["$`;&|<>\\]/.test(word.replaceAll(/'[^']*'/g, "")))) {
      throw new Error(`the README's command is not plain: cosign ${line}`);
    }
    const plain = words.map((word) => word.replaceAll("'", ""));
    return { options: plain.slice(0, -1), image: plain.at(-1) ?? "" };
  });
}
