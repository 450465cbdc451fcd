// The programs that can put an ordinary user into a user namespace, and how each is told to. A process with several
// threads, which the runner is, may not enter one by itself (unshare(2), EINVAL), so another program must begin.

import type { Identity } from "./ownership.ts";

export interface NamespaceTool {
  readonly name: "unshare" | "bwrap";
  /** What it offers, as the end of a sentence. */
  readonly detail: string;
  /** Everything before the program to run: user and mount namespace, the same user inside, capabilities kept. */
  /** It stays between the runner and the server, and writes what it started to descriptor 3. */
  readonly monitors: boolean;
  readonly arguments: (identity: Identity) => readonly string[];
}

// unshare comes first because it becomes the program it starts: the server has the runner's PID, gets its signals from
// whoever sends them, and nothing stays. bubblewrap always forks and keeps a monitor that passes no signals on, so the
// runner stays as well, to forward them. (bubblewrap 0.8.0 and util-linux 2.38.1, both run as UID 1000.)
export const NAMESPACE_TOOLS: readonly NamespaceTool[] = [
  {
    name: "unshare",
    detail: "unshare gives it a user namespace and the runner's PID",
    monitors: false,
    arguments: ({ uid, gid }) => [
      "--user",
      `--map-user=${uid}`,
      `--map-group=${gid}`,
      "--keep-caps",
      "--mount",
      "--",
    ],
  },
  {
    name: "bwrap",
    detail: "bubblewrap gives it a user namespace; the runner stays to forward signals",
    monitors: true,
    arguments: ({ uid, gid }) => [
      "--unshare-user",
      "--uid",
      String(uid),
      "--gid",
      String(gid),
      "--bind",
      "/",
      "/",
      "--dev-bind",
      "/dev",
      "/dev",
      "--cap-add",
      "ALL",
      "--die-with-parent",
      "--",
    ],
  },
];
