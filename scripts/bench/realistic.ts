// An image like those that MCP servers come in: Debian, a few tools, Python and Node with their packages, a clean-up
// and the application, made of what this machine has installed. Layers as unequal as those of a real Dockerfile.

import { existsSync, lstatSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { tarArchive } from "../../test/support/tar-archive.ts";
import { filesOf, installedPackages, linksOfRoot, withDependencies } from "./debian.ts";
import type { LayerWriter, Recipe } from "./recipe.ts";

const PROJECT = join(import.meta.dir, "../..");
const DIST_PACKAGES = "usr/lib/python3/dist-packages";
const SITE_PACKAGES = "usr/local/lib/python3/site-packages";

/** Which no image of Node brings. */
const NODE_MANUAL = "usr/share/doc/nodejs/";
const TOOLS = ["ca-certificates", "curl", "git", "openssl", "procps", "xz-utils"];

export function realisticRecipe(): Recipe {
  return {
    name: "realistic",
    about: "Debian with Python and Node, and an MCP server with its packages",
    layers: [
      ...debianLayers(),
      cleanUpLayer,
      sitePackagesLayer,
      nodeModulesLayer,
      applicationLayer,
    ],
  };
}

function debianLayers(): LayerWriter[] {
  const packages = installedPackages();
  const required = [...packages].filter(([, { required }]) => required).map(([name]) => name);
  const seen = new Set<string>();
  return [required, TOOLS, ["python3"], ["nodejs", "npm"]].map((wanted, layer) => {
    const names = [...withDependencies(wanted, packages)].filter((name) => !seen.has(name));
    for (const name of names) seen.add(name);
    const files = filesOf(names).filter((name) => !name.startsWith(NODE_MANUAL));
    const links = layer === 0 ? linksOfRoot() : [];
    // As with apt, every layer brings the database of packages anew.
    return (path) => archive(path, "/", [...links, ...files, "var/lib/dpkg/status"]);
  });
}

async function cleanUpLayer(path: string): Promise<void> {
  const removed = ["usr/share/.wh.doc", "usr/share/.wh.man", "usr/share/.wh.info"];
  const emptied = ["usr/share/lintian/.wh..wh..opq", "usr/share/bug/.wh..wh..opq"];
  await Bun.write(path, tarArchive([...removed, ...emptied].map((name) => ({ path: name }))));
}

async function sitePackagesLayer(path: string): Promise<void> {
  const names = treeBelow("/", DIST_PACKAGES);
  await archive(path, "/", names, `s,^${DIST_PACKAGES},${SITE_PACKAGES},`);
}

async function nodeModulesLayer(path: string): Promise<void> {
  const roots = dependenciesOf("@modelcontextprotocol/server-everything");
  const names = roots.flatMap((root) => treeBelow(PROJECT, root));
  await archive(path, PROJECT, ["package.json", ...names], "s,^,app/,S");
}

async function applicationLayer(path: string): Promise<void> {
  await archive(path, PROJECT, treeBelow(PROJECT, "src"), "s,^,app/,S");
}

/** The directories of an npm package and of all it depends on, as far as they lie at the top. */
function dependenciesOf(name: string): string[] {
  const found = new Set<string>();
  const waiting = [name];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const directory = `node_modules/${next}`;
    const file = join(PROJECT, directory, "package.json");
    if (found.has(directory) || !existsSync(file)) continue;
    found.add(directory);
    const { dependencies = {} } = JSON.parse(readFileSync(file, "utf8")) as {
      dependencies?: Readonly<Record<string, string>>;
    };
    waiting.push(...Object.keys(dependencies));
  }
  return [...found];
}

function treeBelow(base: string, directory: string): string[] {
  const top = join(base, directory);
  if (!existsSync(top)) return [];
  const below = readdirSync(top, { recursive: true, withFileTypes: true });
  const names = below.map((entry) => relative(base, join(entry.parentPath, entry.name)));
  return [directory, ...names];
}

/** `transform` is tar's: a sed expression for names; with the flag S, links' targets stay as they are. */
async function archive(
  path: string,
  base: string,
  names: readonly string[],
  transform?: string,
): Promise<void> {
  const present = [...new Set(names)].filter((name) =>
    lstatSync(join(base, name), { throwIfNoEntry: false }),
  );
  const list = `${path}.names`;
  await Bun.write(
    list,
    present
      .sort()
      .map((name) => `${name}\0`)
      .join(""),
  );
  const argv = ["tar", "--create", `--file=${path}`, `--directory=${base}`];
  argv.push("--null", "--no-recursion", "--numeric-owner", "--format=posix");
  // Whole seconds and no other times, as image builders write them.
  argv.push("--pax-option=delete=atime,delete=ctime,delete=mtime");
  if (transform !== undefined) argv.push(`--transform=${transform}`);
  const run = Bun.spawnSync([...argv, `--files-from=${list}`]);
  rmSync(list);
  if (run.exitCode !== 0) throw new Error(`tar: ${run.stderr.toString()}`);
}
