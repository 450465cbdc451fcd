// A container image that knows nothing of the runner: glibc, busybox as its shell, and util-linux's unshare, as far as
// a bare Debian has what the runner looks for. The binary is mounted into it.

import { writeFileSync } from "node:fs";
import { librariesOf } from "../../test/support/libraries.ts";
import { podmanMust } from "../../test/support/podman.ts";
import type { TarEntry } from "../../test/support/tar-archive.ts";
import { tarArchive } from "../../test/support/tar-archive.ts";
import { tempDir } from "../../test/support/temp-dir.ts";

export const BARE_BASE = "localhost/fastmcp-runner-places-bare-base";

const APPLETS = ["sh", "env", "timeout"];

/** Makes it, with the libraries that the binary needs. */
export async function buildBareBase(binary: string): Promise<void> {
  using directory = tempDir();
  writeFileSync(directory.file("root.tar"), tarArchive(entriesFor(binary)));
  writeFileSync(directory.file("Containerfile"), "FROM scratch\nADD root.tar /\n");
  await podmanMust("build", "--quiet", "--isolation=chroot", `--tag=${BARE_BASE}`, directory.path);
}

function entriesFor(binary: string): readonly TarEntry[] {
  const unshare = programAt("unshare");
  return [
    { path: "tmp/", mode: 0o1777 },
    { path: "var/cache/" },
    { path: "etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\n" },
    { path: "bin/busybox", source: programAt("busybox"), mode: 0o755 },
    ...APPLETS.map(
      (name) => ({ path: `bin/${name}`, type: "symlink", target: "busybox" }) as const,
    ),
    { path: "usr/bin/unshare", source: unshare, mode: 0o755 },
    ...new Map([binary, unshare].flatMap(librariesOf).map((entry) => [entry.path, entry])).values(),
  ];
}

function programAt(name: string): string {
  const path = Bun.which(name);
  if (path === null) throw new Error(`${name} is not installed`);
  return path;
}
