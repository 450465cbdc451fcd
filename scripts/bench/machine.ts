// The machine that the figures were measured on, in words, without its name.

import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";

/** Processor, cores, memory, file system of the directory, distribution and kernel. */
export function describeMachine(directory: string): string {
  const cores = availableParallelism();
  return [
    `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${cores} ${cores === 1 ? "core" : "cores"}`,
    `${Math.round(totalmem() / 1024 ** 3)} GB of memory`,
    fileSystemOf(directory),
    `${distribution()}, Linux ${release().replace(/-.*$/, "")}`,
  ].join(", ");
}

/** The version that a program says it has: the first number with a dot in what it prints. */
export function versionOf(argv: readonly string[]): string {
  const run = Bun.spawnSync([...argv], { stderr: "ignore" });
  return /\d+\.\d[\w.]*/.exec(run.stdout.toString())?.[0] ?? "of unknown version";
}

function fileSystemOf(directory: string): string {
  const stat = Bun.spawnSync(["stat", "--file-system", "--format=%T", directory]);
  return stat.stdout.toString().trim().replace("ext2/ext3", "ext4");
}

function distribution(): string {
  try {
    return (
      /^PRETTY_NAME="?([^"\n(]*[^"\n( ])/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? ""
    );
  } catch {
    return "an unknown distribution";
  }
}
