// The device nodes that programs take for granted, for a root where /dev cannot be mounted.

import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { reasonOf } from "../errors.ts";
import { makeCharacterDevice } from "../system/namespace.ts";

const NODES = [
  { name: "null", major: 1, minor: 3 },
  { name: "zero", major: 1, minor: 5 },
  { name: "full", major: 1, minor: 7 },
  { name: "random", major: 1, minor: 8 },
  { name: "urandom", major: 1, minor: 9 },
  { name: "tty", major: 5, minor: 0 },
];
const LINKS = { fd: "/proc/self/fd", stdin: "fd/0", stdout: "fd/1", stderr: "fd/2" };
const EVERYBODY = 0o666;

/**
 * Makes the nodes in a root's /dev; needs CAP_MKNOD. Returns what could not be had, as a sentence, or nothing.
 */
export function makeDevices(directory: string): string | undefined {
  for (const [name, target] of Object.entries(LINKS))
    replace(`${directory}/${name}`, (path) => symlinkSync(target, path));
  replace(`${directory}/shm`, (path) => {
    mkdirSync(path);
    chmodSync(path, 0o1777);
  });
  try {
    for (const node of NODES) {
      const path = `${directory}/${node.name}`;
      remove(path);
      makeCharacterDevice(path, { ...node, mode: EVERYBODY });
      chmodSync(path, EVERYBODY);
    }
    // On a file system mounted nodev the nodes exist and cannot be opened.
    closeSync(openSync(`${directory}/null`, "r+"));
    return undefined;
  } catch (error) {
    for (const { name } of NODES) remove(`${directory}/${name}`);
    // Hardly anything starts a child without a /dev/null to open. An ordinary file takes what is written to it; one
    // in the place of a source of random numbers would be worse than none.
    writeFileSync(`${directory}/null`, "");
    chmodSync(`${directory}/null`, EVERYBODY);
    return `/dev/null is an ordinary file, and there are no other devices: ${reasonOf(error)}`;
  }
}

// An image often has an empty file where a build once mounted the device, and may have anything.
function remove(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

function replace(path: string, make: (path: string) => void): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  remove(path);
  make(path);
}
