// The one list of what may move from an image to the runner's own root. Everything else, whatever an archive calls
// it, is a system directory and stays out.

/** One line a path; `*` stands for any end of one name. */
export const SAFE_PATHS = [
  "/app",
  "/data",
  "/home",
  "/opt",
  "/srv",
  "/var/lib",
  "/var/data",
  "/usr/lib/python*/site-packages",
  "/usr/lib/python*/dist-packages",
  "/usr/local/lib/python*/site-packages",
  "/usr/local/lib/python*/dist-packages",
  "/usr/local/lib/node_modules",
] as const;

/** The list with every `*` replaced by the names that `namesIn` reports for the directory before it, in order. */
export function expandSafePaths(namesIn: (directory: string) => readonly string[]): string[] {
  return SAFE_PATHS.flatMap((pattern) => {
    const star = pattern.indexOf("*");
    if (star < 0) return [pattern];
    const slash = pattern.lastIndexOf("/", star);
    const prefix = pattern.slice(slash + 1, star);
    const directory = pattern.slice(0, slash);
    return namesIn(directory)
      .filter((name) => name.startsWith(prefix))
      .toSorted()
      .map((name) => `${directory}/${name}${pattern.slice(star + 1)}`);
  });
}

/**
 * Whether a directory that the runner's root lacks may become the server's: in the safe paths, or beside the system's
 * directories. Any other might be one that root has in its PATH, and a server could put programs there for the next
 * start.
 */
export function mayBeServers(path: string): boolean {
  const names = path.split("/");
  const isTop = names.length === 2;
  return isTop || expandSafePaths(() => names).some((safe) => `${path}/`.startsWith(`${safe}/`));
}
