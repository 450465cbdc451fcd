// Where the files of an archive lie inside it: one pass over its headers, which seeks past all content. Links are
// followed inside the archive and nowhere else; no name of an archive ever reaches a file system.

import type { FileHandle } from "node:fs/promises";
import { posix } from "node:path";
import { BLOCK } from "../../archive/header.ts";
import type { Member } from "../../archive/member.ts";
import { showName } from "../../archive/show-name.ts";
import { type MemberSink, type TarLimits, TarReader } from "../../archive/tar.ts";
import { RunnerError } from "../../errors.ts";
import { invalid } from "./image-files.ts";

/** A file's content inside the archive, in bytes. */
export interface Extent {
  readonly start: number;
  readonly size: number;
}

/** A name that leads to another. Looked at only when it is used: any archive may hold links that lead nowhere. */
interface Link {
  readonly unsafeTarget: string;
  /** The directory that the target is seen from; empty for the root, from which hard links are always seen. */
  readonly from: string;
}

/** What thirty thousand files take. An image has a few for each layer. */
const MAX_HEADER_BYTES = 16 * 1024 ** 2;
/** As many as Linux follows in one name. */
const MAX_LINKS = 40;

/**
 * Reads the headers of the archive that a file of `size` bytes holds. Throws IMAGE_INVALID, also for two files of one
 * name: readers differ in which of them counts. Throws LIMIT_EXCEEDED.
 */
export async function indexArchive(
  file: FileHandle,
  size: number,
  limits: TarLimits,
): Promise<ArchiveIndex> {
  const index = new ArchiveIndex(size);
  const reader = new TarReader(index, limits);
  const block = Buffer.allocUnsafe(BLOCK);
  let headerBytes = 0;
  for (let at = 0; at < size && !reader.hasEnded; at += reader.skipContent()) {
    const { bytesRead } = await file.read(block, 0, BLOCK, at);
    if (bytesRead === 0) break;
    at += bytesRead;
    headerBytes += bytesRead;
    if (headerBytes > MAX_HEADER_BYTES) throw invalid("it has too many members for an image");
    index.position = at;
    reader.push(block.subarray(0, bytesRead));
  }
  reader.end();
  return index;
}

export class ArchiveIndex implements MemberSink {
  /** Where the content of the next member would begin. */
  position = 0;
  readonly #size: number;
  readonly #entries = new Map<string, Extent | Link>();

  constructor(size: number) {
    this.#size = size;
  }

  /** The place of a file, under whichever name links give it; undefined where there is none. Throws IMAGE_INVALID. */
  find(unsafeName: string): Extent | undefined {
    let name = cleaned(unsafeName);
    for (let links = 0; links <= MAX_LINKS; links += 1) {
      const entry = this.#entries.get(name);
      if (entry === undefined || "start" in entry) return entry;
      name = followed(entry, name);
    }
    throw invalid(`the links behind ${showName(unsafeName)} never end`);
  }

  member(member: Member): void {
    const { type, unsafeName, unsafeTarget, size } = member;
    const end = this.position + size;
    if (!(end <= this.#size)) throw invalid(`it ends in the middle of ${showName(unsafeName)}`);
    const name = cleaned(unsafeName);
    if (type === "file") this.#add(name, { start: this.position, size });
    if (type === "hardlink") this.#add(name, { unsafeTarget, from: "" });
    if (type === "symlink") this.#add(name, { unsafeTarget, from: posix.dirname(name) });
  }

  content(): void {}

  memberEnd(): void {}

  #add(name: string, entry: Extent | Link): void {
    if (this.#entries.has(name)) throw invalid(`it has two files of the name ${showName(name)}`);
    this.#entries.set(name, entry);
  }
}

function followed({ unsafeTarget, from }: Link, name: string): string {
  const isAbsolute = unsafeTarget.startsWith("/") && from !== "";
  if (!isAbsolute) return cleaned(posix.join(from, unsafeTarget));
  throw invalid(`the link ${showName(name)} leads out of it`);
}

/** A name without `.`, `..` and surplus slashes. A leading slash means nothing. */
function cleaned(unsafeName: string): string {
  const name = posix.normalize(`./${unsafeName}`);
  if (name !== ".." && !name.startsWith("../")) return name;
  throw invalid(`the name ${showName(unsafeName)} leads out of it`);
}

/** What the archive's reader says, as a sentence about the archive. */
export function archiveError(where: string, error: unknown): unknown {
  if (!(error instanceof RunnerError)) return error;
  const message = `${where} cannot be read: ${error.message}`;
  if (error.code === "LIMIT_EXCEEDED") {
    return new RunnerError("LIMIT_EXCEEDED", message, { cause: error, stage: "fetch-config" });
  }
  return /^(?:LAYER_|IMAGE_INVALID)/.test(error.code) ? invalid(message, error) : error;
}
