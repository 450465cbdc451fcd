// The files of one layer as they stream in, each under its own name in a private tree, from which whole directories can
// be moved into the finished one. Creates nothing itself.

import { closeSync } from "node:fs";
import type { Attributes, Body } from "./entry.ts";
import type { Budget } from "./limits.ts";
import { ROOT, type RootedPath, parentOf } from "./path.ts";
import { createDirectory, createFile, finishFile, hadName, writeBytes } from "./write.ts";

/** What lies directly in one directory of a layer's private tree. */
export interface DirectoryShape {
  files: number;
  directories: number;
}

/** Every directory of a layer's private tree, by its path. */
export type LayerShape = ReadonlyMap<RootedPath, Readonly<DirectoryShape>>;

const NUMBERED = "numbered";
const NAMED = "named";

/**
 * A private tree without a single link: cleaned paths cannot lead out of it. A file whose name is taken there, or
 * cannot be had, gets a number instead.
 */
export class Bodies implements Disposable {
  readonly #directory: string;
  readonly #budget: Budget;
  readonly #shape = new Map<RootedPath, DirectoryShape>();
  #numbered = 0;
  #descriptor: number | undefined;

  /** `directory` must not exist. */
  constructor(directory: string, budget: Budget) {
    this.#directory = directory;
    this.#budget = budget;
    for (const path of [directory, `${directory}/${NAMED}`, `${directory}/${NUMBERED}`]) {
      createDirectory(path);
    }
    this.#shape.set(ROOT, { files: 0, directories: 0 });
  }

  get shape(): LayerShape {
    return this.#shape;
  }

  begin(path: RootedPath): Body {
    const parent = this.#makeDirectory(parentOf(path));
    if (parent !== undefined && this.#create(path)) {
      parent.files += 1;
      return path;
    }
    this.#numbered += 1;
    if (!this.#create(this.#numbered)) throw new Error("a body's number is taken");
    return this.#numbered;
  }

  write(bytes: Uint8Array): void {
    writeBytes(this.#open(), bytes);
  }

  end(attributes: Attributes): void {
    const descriptor = this.#open();
    this.#descriptor = undefined;
    finishFile(descriptor, attributes);
  }

  [Symbol.dispose](): void {
    if (this.#descriptor === undefined) return;
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #makeDirectory(path: RootedPath): DirectoryShape | undefined {
    const known = this.#shape.get(path);
    if (known !== undefined) return known;
    const parent = this.#makeDirectory(parentOf(path));
    if (parent === undefined) return undefined;
    this.#budget.countDirectory(path.length);
    if (!hadName(() => createDirectory(bodyPath(this.#directory, path)))) return undefined;
    const made = { files: 0, directories: 0 };
    this.#shape.set(path, made);
    parent.directories += 1;
    return made;
  }

  #create(body: Body): boolean {
    return hadName(() => {
      this.#descriptor = createFile(bodyPath(this.#directory, body));
    });
  }

  #open(): number {
    if (this.#descriptor === undefined) throw new Error("no body has begun");
    return this.#descriptor;
  }
}

/** Where a body, or a directory of bodies, lies; `directory` is its layer's. */
export function bodyPath(directory: string, body: Body): string {
  if (typeof body === "number") return `${directory}/${NUMBERED}/${body}`;
  return body === ROOT ? `${directory}/${NAMED}` : `${directory}/${NAMED}/${body}`;
}
