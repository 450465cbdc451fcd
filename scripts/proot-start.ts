// Compiles src/launch/proot-start.c for each architecture and writes the bytes to src/launch/proot-start-code.ts, so that
// building the runner takes no C compiler. To be run after a change of the C file:
//
//   bun scripts/proot-start.ts            with `x86_64-linux-gnu-gcc` and `aarch64-linux-gnu-gcc` (Debian: gcc-x86-64-linux-gnu,
//                                         gcc-aarch64-linux-gnu), or what CC_X64 and CC_ARM64 name instead

import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const LAUNCH = join(import.meta.dir, "../src/launch");
const SOURCE = join(LAUNCH, "proot-start.c");
const COMPILERS = {
  x64: process.env["CC_X64"] ?? "x86_64-linux-gnu-gcc",
  arm64: process.env["CC_ARM64"] ?? "aarch64-linux-gnu-gcc",
};
const FLAGS = [
  "-Os",
  "-static",
  "-no-pie",
  "-fno-pie",
  "-nostdlib",
  "-ffreestanding",
  "-fno-stack-protector",
  "-fno-asynchronous-unwind-tables",
  "-fcf-protection=none",
  "-Wall",
  "-Wextra",
  "-Werror",
  // One segment, without a word about who made it.
  "-Wl,--build-id=none,-z,noseparate-code,-z,noexecstack,-s",
];
// gcc knows it on Intel's processors only.
const INTEL_ONLY = "-fcf-protection=none";
const COLUMNS = 90;

const code = Object.entries(COMPILERS).map(([architecture, compiler]) => {
  const lines =
    compile(compiler, architecture)
      .toString("base64")
      .match(new RegExp(`.{1,${COLUMNS}}`, "g")) ?? [];
  return `  ${architecture}:\n${lines.map((line) => `    "${line}"`).join(" +\n")},\n`;
});
writeFileSync(
  join(LAUNCH, "proot-start-code.ts"),
  `// Made of proot-start.c by \`bun scripts/proot-start.ts\`: an ELF program for each architecture, in base64.\n
export const PROOT_START_CODE: Readonly<Record<string, string>> = {\n${code.join("")}};\n`,
);

function compile(compiler: string, architecture: string): Buffer {
  const output = join(tmpdir(), `proot-start-${architecture}-${process.pid}`);
  const flags = architecture === "x64" ? FLAGS : FLAGS.filter((flag) => flag !== INTEL_ONLY);
  const { exitCode } = Bun.spawnSync([...compiler.split(" "), ...flags, "-o", output, SOURCE], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (exitCode !== 0) throw new Error(`${compiler} ended with ${exitCode}`);
  return readFileSync(output);
}
