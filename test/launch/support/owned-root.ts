// A root of the runner's own, as its container image has one: everything of this machine, copied on write in a mount
// namespace, with the marker that declares it.

import { writeFileSync } from "node:fs";
import type { TempDir } from "../../support/temp-dir.ts";

/** Returns the program that starts its arguments in such a root; `prepare` is shell that furnishes it at "$1". */
export function inOwnedRoot(dir: TempDir, prepare = "", through: readonly string[] = []): string[] {
  const script = dir.file("owned-root.sh");
  writeFileSync(
    script,
    `set -e
mkdir "${dir.path}/own"
mount -t tmpfs tmpfs "${dir.path}/own"
cd "${dir.path}/own"
mkdir -m 755 upper work merged
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work merged
set -- merged "$@"
mount --rbind /proc merged/proc
mount --rbind /dev merged/dev
mkdir -p merged/etc/fastmcp-runner
touch merged/etc/fastmcp-runner/owns-root
${prepare}
shift
exec chroot merged ${through.join(" ")} "$@"
`,
  );
  return ["unshare", "--mount", "sh", script];
}
