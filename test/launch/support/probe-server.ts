// An image's tree with a server that tells in what state it was started (probe-server.c), and with what such an image
// usually has around its server.

import { chmodSync } from "node:fs";
import { join } from "node:path";
import { librariesOf } from "../../support/libraries.ts";
import type { TarEntry } from "../../support/tar-archive.ts";
import { tempDir, type TempDir } from "../../support/temp-dir.ts";
import { plantTree } from "./plant-tree.ts";

/** What the server says of itself: the keys of probe-server.c's `state`. */
export interface ServerState {
  readonly user: readonly number[];
  readonly groups: number;
  readonly capabilities: number;
  readonly noNewPrivileges: number;
  readonly umask: string;
  readonly nice: number;
  /** Soft and hard limit of open files. */
  readonly files: readonly [number, number];
  readonly processGroup: number;
  readonly directory: string;
  readonly directoryOwner: number;
  readonly blocking: boolean;
  readonly descriptors: readonly number[];
  readonly ignored: readonly number[];
  readonly blocked: readonly number[];
  /** The first line of the file of authorities' certificates. */
  readonly certificates: string;
  /** The abbreviation of local time. */
  readonly zone: string;
  readonly localhost: string;
  /** Permissions of /app/special, which has the setuid and the setgid bit in the image. */
  readonly special: string;
  /** Whose a file below /root is. */
  readonly owner: number;
  /** Whether it takes what is written to it: 0 or 1, as the rest. */
  readonly null: number;
  readonly sharedMemory: number;
  readonly temporary: readonly [number, string];
  /** And whose it is. */
  readonly home: readonly [number, number];
}

export const PROGRAMS = ["gcc", "ldd"];
export const STATE = ["/app/probe", "state", "/app/special", "/root/.local/file"];
export const CERTIFICATES = "the image's own certificates";
/** A time zone that no machine has, and what its time is called. */
export const ZONE = { name: "Nowhere/Island", abbreviation: "NOW" };

let layer: readonly TarEntry[] | undefined;

/** Makes `<dir>/root` and returns its path. */
export function probeRoot(dir: TempDir): string {
  const root = plantTree(dir, (layer ??= probeLayer()));
  for (const path of ["root", "root/.local"]) chmodSync(join(root, path), 0o700);
  return root;
}

function probeLayer(): readonly TarEntry[] {
  using dir = tempDir();
  const program = dir.file("probe");
  const source = join(import.meta.dir, "probe-server.c");
  const { exitCode, stderr } = Bun.spawnSync(["gcc", "-O1", "-o", program, source], {
    stderr: "pipe",
  });
  if (exitCode !== 0) throw new Error(stderr.toString());
  const libraries = librariesOf(program);
  const content = new Uint8Array(Bun.mmap(program));
  return [
    ...libraries,
    { path: "app/probe", content, mode: 0o755 },
    // A directory, from which the kernel takes no such bit when it gets another owner.
    { path: "app/special/", mode: 0o6755 },
    { path: "root/.local/file" },
    { path: "etc/passwd", content: "root:x:0:0::/home/of/root:/bin/sh\n" },
    { path: "etc/ssl/certs/ca-certificates.crt", content: `${CERTIFICATES}\n` },
    { path: `usr/share/zoneinfo/${ZONE.name}`, content: zoneFile(ZONE.abbreviation) },
  ];
}

// https://www.rfc-editor.org/rfc/rfc8536#section-3: no transitions, and one kind of time.
function zoneFile(abbreviation: string): Uint8Array {
  const header = Buffer.alloc(44);
  header.write("TZif");
  header.writeUInt32BE(1, 36);
  header.writeUInt32BE(abbreviation.length + 1, 40);
  const kind = Buffer.alloc(6);
  kind.writeInt32BE(3600, 0);
  return Buffer.concat([header, kind, Buffer.from(`${abbreviation}\0`)]);
}
