// The device nodes that programs take for granted, for a root where /dev cannot be mounted.

import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
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
  for (const [name, target] of Object.entries(LINKS)) {
    const path = `${directory}/${name}`;
    if (!isDirectory(path)) put(path, (draft) => symlinkSync(target, draft));
  }
  makeSharedMemory(`${directory}/shm`);
  try {
    for (const node of NODES) put(`${directory}/${node.name}`, (draft) => makeNode(draft, node));
    return undefined;
  } catch (error) {
    // Hardly anything starts a child without a /dev/null to open. An ordinary file takes what is written to it; one
    // in the place of a source of random numbers would be worse than none.
    put(`${directory}/null`, (draft) => {
      writeFileSync(draft, "");
      chmodSync(draft, EVERYBODY);
    });
    for (const { name } of NODES) if (name !== "null") remove(`${directory}/${name}`);
    return `/dev/null is an ordinary file, and there are no other devices: ${reasonOf(error)}`;
  }
}

function makeNode(path: string, node: (typeof NODES)[number]): void {
  makeCharacterDevice(path, { ...node, mode: EVERYBODY });
  chmodSync(path, EVERYBODY);
  // On a file system mounted nodev the nodes exist and cannot be opened. A terminal there need not be.
  if (node.name !== "tty") closeSync(openSync(path, "r+"));
}

function makeSharedMemory(path: string): void {
  if (isDirectory(path)) return;
  remove(path);
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o1777);
}

// By renaming, because other processes of the server may be using what is there, or making the same at this moment. An
// image often has an empty file where a build once mounted the device, and may have anything.
function put(path: string, make: (draft: string) => void): void {
  const draft = `${path}.${crypto.randomUUID()}`;
  try {
    make(draft);
    if (isDirectory(path)) remove(path);
    renameSync(draft, path);
  } catch (error) {
    remove(draft);
    throw error;
  }
}

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true });
}
