// Which files belong to Debian's packages on this machine, so that an image can be made of them.

import { accessSync, constants, lstatSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Installed packages and what each depends on. */
export type Packages = ReadonlyMap<
  string,
  { readonly required: boolean; readonly needs: string[] }
>;

const FORMAT = "${db:Status-Status}\t${Package}\t${Priority}\t${Pre-Depends}, ${Depends}\n";
const NOT_OF_AN_IMAGE = /^\/(?:boot|dev|home|proc|root|run|sys|tmp)\//;

export function installedPackages(): Packages {
  const packages = new Map<string, { required: boolean; needs: string[] }>();
  for (const line of output(["dpkg-query", "--show", `--showformat=${FORMAT}`]).split("\n")) {
    const [status, name = "", priority, relations = ""] = line.split("\t");
    if (status !== "installed") continue;
    // Of alternatives each one that is installed counts: `a | b (>= 1), c:any`.
    const needs = relations.split(/[,|]/).map((part) => part.trim().replace(/[ :(].*$/, ""));
    packages.set(name, { required: priority === "required", needs });
  }
  return packages;
}

/** These packages and all that they depend on, as far as installed. */
export function withDependencies(names: readonly string[], packages: Packages): Set<string> {
  const found = new Set<string>();
  const waiting = [...names];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const entry = packages.get(name);
    if (entry === undefined || found.has(name)) continue;
    found.add(name);
    waiting.push(...entry.needs);
  }
  return found;
}

/** The paths of these packages' files, directories and links, in order and without the leading slash. */
export function filesOf(names: Iterable<string>): string[] {
  const listed = output(["dpkg-query", "--listfiles", ...names]).split("\n");
  const paths = new Set(listed.filter((path) => path.startsWith("/")).map(realPath));
  return [...paths]
    .filter(isUsable)
    .map((path) => path.slice(1))
    .sort();
}

/** Links such as /bin -> usr/bin, which belong to no package. */
export function linksOfRoot(): string[] {
  return readdirSync("/").filter(
    (name) => lstatSync(`/${name}`).isSymbolicLink() && readlinkSync(`/${name}`).startsWith("usr/"),
  );
}

// Packages still name /bin/sh, which really is /usr/bin/sh.
function realPath(path: string): string {
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return path;
  }
}

function isUsable(path: string): boolean {
  if (path === "/" || path === "/." || NOT_OF_AN_IMAGE.test(`${path}/`)) return false;
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isSymbolicLink()) return found !== undefined;
  try {
    accessSync(path, constants.R_OK);
    return found.isFile() || found.isDirectory();
  } catch {
    return false;
  }
}

function output(argv: readonly string[]): string {
  const run = Bun.spawnSync([...argv], { maxBuffer: 1e9 });
  // A package without files makes dpkg-query complain and go on.
  return run.stdout.toString();
}
