// What must hold of unpacking any bytes as a layer: the root is complete, or nothing is left; nothing outside it
// changes; and the result does not depend on how the blob arrives.

import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { RunnerError } from "../../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../../src/layers/limits.ts";
import { type LayerSource, unpackLayers } from "../../../src/layers/unpack.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { removeTree } from "../../../src/system/private-directory.ts";
import { rawTar } from "../../support/raw-tar.ts";
import { MAX_PLAIN_BYTES, decompressAtOnce } from "./decompress-check.ts";
import { Random } from "./random.ts";

const LIMITS = { ...DEFAULT_LIMITS, unpackedBytes: MAX_PLAIN_BYTES };
/** A layer to hide, replace and link to. */
const LOWER = rawTar([
  { name: "a", body: "lower a" },
  { name: "d/e", body: "lower e" },
  { name: "l", type: "2", link: "d" },
  { name: "d/l", type: "2", link: "/" },
  { name: "up", type: "2", link: "../../outside" },
  { name: "b", type: "2", link: "../../outside/canary" },
]);

/** A directory for roots, beside one whose canary must not change: from a root, it is `../../outside/canary`. */
export class Cage implements Disposable {
  readonly #path: string;
  readonly #before: string;
  #count = 0;

  constructor(parent: string) {
    this.#path = mkdtempSync(join(parent, "fastmcp-runner-fuzz-"));
    mkdirSync(join(this.#path, "outside"));
    writeFileSync(join(this.#path, "outside/canary"), "alive");
    this.#before = this.#outside();
  }

  /** Unpacks the blob twice, cut differently. Throws an Error that says which promise was broken. */
  async check(blob: Buffer): Promise<{ isAccepted: boolean }> {
    const random = new Random(Number(Bun.hash.crc32(blob)), blob.length);
    const layers = random.oneIn(2) ? [LOWER, blob] : [blob];
    const [once, twice] = [
      await this.#unpack(layers, 2 ** 20),
      await this.#unpack(layers, 1 + random.below(900)),
    ];
    if (once !== twice)
      throw new Error(`the blob unpacks differently in pieces: ${once} or ${twice}`);
    return { isAccepted: once !== undefined };
  }

  [Symbol.dispose](): void {
    removeTree(this.#path);
  }

  /** What the root holds, or undefined when the layers were refused. */
  async #unpack(layers: readonly Buffer[], pieceBytes: number): Promise<string | undefined> {
    this.#count += 1;
    const parent = join(this.#path, String(this.#count));
    mkdirSync(parent);
    try {
      const found = await unpackInto(
        parent,
        layers.map((blob) => layerOf(blob, pieceBytes)),
      );
      this.#requireUnharmed(parent, found);
      return found;
    } finally {
      removeTree(parent);
    }
  }

  #requireUnharmed(parent: string, found: string | undefined): void {
    const left = readdirSync(parent).join(", ");
    if (left !== (found === undefined ? "" : "root"))
      throw new Error(`what is left behind: ${left}`);
    const beside = readdirSync(this.#path).length;
    if (this.#outside() !== this.#before || beside !== 2)
      throw new Error("the layer reached outside its root");
  }

  #outside(): string {
    const directory = join(this.#path, "outside");
    const paths = [directory, ...readdirSync(directory).map((name) => join(directory, name))];
    const states = paths.map((path) => {
      const { mode, mtimeNs, ctimeNs, ino, nlink } = lstatSync(path, { bigint: true });
      return [path, mode, mtimeNs, ctimeNs, ino, nlink].join(" ");
    });
    return [...states, readFileSync(join(directory, "canary"), "latin1")].join("\n");
  }
}

async function unpackInto(
  parent: string,
  layers: readonly LayerSource[],
): Promise<string | undefined> {
  const root = join(parent, "root");
  try {
    const { entries, bytes } = await unpackLayers(layers, root, { limits: LIMITS });
    const found = inventory(root);
    if (found.names.length !== entries || found.bytes !== bytes) {
      throw new Error(`${entries} names and ${bytes} bytes are reported, not what is there`);
    }
    return found.names.sort().join("\n");
  } catch (error) {
    if (error instanceof RunnerError && error.code !== "INTERNAL") return undefined;
    throw error;
  }
}

function inventory(root: string): { names: string[]; bytes: number } {
  const names: string[] = [];
  const files = new Map<bigint, number>();
  const visit = (directory: Buffer) => {
    for (const name of readdirSync(directory, { encoding: "buffer" })) {
      const path = Buffer.concat([directory, Buffer.from("/"), name]);
      const stats = lstatSync(path, { bigint: true });
      names.push(`${path.toString("latin1").slice(root.length)} ${stats.mode} ${stats.size}`);
      if (stats.isFile()) files.set(stats.ino, Number(stats.size));
      if (stats.isDirectory()) visit(path);
    }
  };
  visit(Buffer.from(root));
  return { names, bytes: [...files.values()].reduce((sum, size) => sum + size, 0) };
}

function layerOf(blob: Buffer, pieceBytes: number): LayerSource {
  return {
    descriptor: {
      mediaType: "application/vnd.oci.image.layer.v1.tar",
      digest: digestOf(blob),
      size: blob.length,
    },
    // Of bytes that cannot be decompressed any digest is wrong: the layer is refused whichever it is.
    diffId: digestOf(decompressAtOnce(blob) ?? Buffer.alloc(0)),
    open: () => Promise.resolve(streamOf(blob, pieceBytes)),
  };
}

function streamOf(bytes: Uint8Array, pieceBytes: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + pieceBytes));
      at += pieceBytes;
    },
  });
}
