// A stand-in for the Alpine image that the Dockerfile starts from, for machines that cannot pull the real one:
// busybox, musl's loader, and an `apk` that puts Debian's programs in place. Named so that nobody takes it for Alpine.

import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { podmanMust } from "./podman.ts";

export const STAND_IN = "localhost/stand-in-alpine";
/** The same for the stage that compiles, which reaches the package registry as this machine does. */
export const BUILD_STAND_IN = "localhost/stand-in-alpine-build";

/** The Debian programs that it is made of. */
export const STAND_IN_PROGRAMS = [
  "busybox",
  "musl-gcc",
  "crane",
  "gosu",
  "bwrap",
  "proot",
  "node",
  "npm",
  "ldd",
];

const FIXTURES = join(import.meta.dir, "../fixtures/stand-in-alpine");
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
const GNU_LIBRARIES = "/lib/x86_64-linux-gnu";
const MUSL_LIBRARIES = "/usr/lib/stand-in-musl";
const NPM = "/usr/lib/node_modules/npm";

/** Makes both images, in a directory of their own that is not needed afterwards. */
export async function buildStandInBases(directory: string): Promise<void> {
  const root = join(directory, "root");
  writeSystem(root);
  writeMusl(root);
  writePackages(join(root, "stand-in-packages"));
  writeFileSync(join(directory, "Containerfile"), "FROM scratch\nCOPY root/ /\n");
  await podmanMust("build", "--quiet", "--isolation=chroot", `--tag=${STAND_IN}`, directory);
  const build = join(directory, "build");
  mkdirSync(build);
  // There may be a proxy with a certificate of its own in between.
  const certificates = existsSync(CERTIFICATES) ? `ENV NODE_EXTRA_CA_CERTS=${CERTIFICATES}\n` : "";
  writeFileSync(join(build, "Containerfile"), `FROM ${STAND_IN}\n${certificates}`);
  await podmanMust("build", "--quiet", "--isolation=chroot", `--tag=${BUILD_STAND_IN}`, build);
}

function writeSystem(root: string): void {
  for (const name of [
    "bin",
    "dev",
    "etc",
    "lib",
    "proc",
    "root",
    "run",
    "sys",
    "usr/bin",
    "usr/sbin",
    "var",
  ]) {
    mkdirSync(join(root, name), { recursive: true });
  }
  mkdirSync(join(root, "tmp"));
  chmodSync(join(root, "tmp"), 0o1777);
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(join(root, "etc/group"), "root:x:0:\n");
  copy(which("busybox"), join(root, "bin/busybox"));
  for (const applet of output(["busybox", "--list"]).split("\n").filter(Boolean)) {
    if (applet !== "busybox") link("busybox", join(root, "bin", applet));
  }
  link("../../bin/busybox", join(root, "usr/bin/env"));
  copy(join(FIXTURES, "apk"), join(root, "bin/apk"));
  if (existsSync(CERTIFICATES)) copy(realpathSync(CERTIFICATES), join(root, CERTIFICATES));
}

function writeMusl(root: string): void {
  copy(realpathSync("/lib/ld-musl-x86_64.so.1"), join(root, "lib/ld-musl-x86_64.so.1"));
  link("ld-musl-x86_64.so.1", join(root, "lib/libc.musl-x86_64.so.1"));
  // The loader's own folders, and not the ones with libraries for glibc.
  writeFileSync(join(root, "etc/ld-musl-x86_64.path"), `/lib:${MUSL_LIBRARIES}\n`);
}

function writePackages(packages: string): void {
  copyProgram(which("crane"), join(packages, "crane"), "/usr/bin/crane");
  copyProgram(which("gosu"), join(packages, "su-exec"), "/sbin/su-exec");
  copyProgram(which("bwrap"), join(packages, "bubblewrap"), "/usr/bin/bwrap");
  copyProgram(which("proot"), join(packages, "proot-static"), "/usr/bin/proot.static");
  copyProgram(which("node"), join(packages, "nodejs"), "/usr/bin/node");
  copy(join(dirname(realpathSync(which("npm"))), ".."), join(packages, "npm", NPM));
  link("../lib/node_modules/npm/bin/npm-cli.js", join(packages, "npm/usr/bin/npm"));
  writeMuslLibraries(join(packages, "libstdc++"));
  // The package above brings both libraries, as they depend on each other here.
  mkdirSync(join(packages, "libgcc"));
}

function writeMuslLibraries(root: string): void {
  const folder = join(root, MUSL_LIBRARIES);
  mkdirSync(folder, { recursive: true });
  for (const name of ["libstdc++.so.6", "libgcc_s.so.1"]) {
    copy(realpathSync(join(GNU_LIBRARIES, name)), join(folder, name));
  }
  const name = "ld-linux-x86-64.so.2";
  const source = join(FIXTURES, "glibc-symbols.c");
  output([
    "musl-gcc",
    "-shared",
    "-fPIC",
    "-O2",
    `-Wl,-soname,${name}`,
    "-o",
    join(folder, name),
    source,
  ]);
}

/** Copies a program, with the libraries it is linked to and their loader at the places where it looks for them. */
function copyProgram(program: string, root: string, destination: string): void {
  copy(realpathSync(program), join(root, destination));
  const linked = Bun.spawnSync(["ldd", realpathSync(program)], { stderr: "ignore" });
  // A static program has none: ldd then fails.
  if (linked.exitCode !== 0) return;
  for (const [, path = ""] of linked.stdout.toString().matchAll(/(\/\S+) \(0x/g)) {
    copy(realpathSync(path), join(root, path));
  }
}

function copy(source: string, destination: string): void {
  mkdirSync(dirname(destination), { recursive: true });
  cpSync(source, destination, { recursive: true });
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}

function which(program: string): string {
  const path = Bun.which(program);
  if (path === null) throw new Error(`${program} is not installed`);
  return path;
}

function output(argv: readonly string[]): string {
  const run = Bun.spawnSync([...argv]);
  if (run.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${run.stderr.toString()}`);
  return run.stdout.toString();
}
