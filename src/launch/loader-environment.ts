// The environment of a server that sees this machine's files: what names files of the image does so by their places on
// this machine. Decides by name; a value that merely looks like a path is the server's own affair. Pure but for looking.

import { posix } from "node:path";
import { findIn, hostPathOf, type RootView } from "./root-view.ts";

export interface LoaderPlace {
  readonly view: RootView;
  /** Where the image's root will lie on this machine. */
  readonly root: string;
}

// One path each, or several with colons between them.
const FILE_VARIABLES = [
  "PATH",
  "NODE_PATH",
  "NODE_EXTRA_CA_CERTS",
  "PYTHONHOME",
  "PYTHONPATH",
  "PYTHONPYCACHEPREFIX",
  "PYTHONTZPATH",
  "VIRTUAL_ENV",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
  "TMPDIR",
  "TZDIR",
  "XDG_CACHE_HOME",
  "XDG_CONFIG_HOME",
  "XDG_DATA_HOME",
];

// Where distributions keep what programs find at a path of their own otherwise.
const DEFAULTS: readonly (readonly [name: string, paths: readonly string[]])[] = [
  ["TZDIR", ["/usr/share/zoneinfo"]],
  ["PYTHONTZPATH", ["/usr/share/zoneinfo"]],
  [
    "SSL_CERT_FILE",
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"],
  ],
];

/**
 * What is told to the loader itself stays out (LD_*): a child of the server would obey it with this machine's libraries.
 * `HOME` and `TMPDIR` lead to directories that will exist.
 */
export function loaderEnvironment(
  environment: Readonly<Record<string, string>>,
  place: LoaderPlace,
): Record<string, string> {
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith("LD_"));
  const placed = kept.map(([name, value]) => [
    name,
    FILE_VARIABLES.includes(name) ? placedList(value, place.root) : value,
  ]);
  return {
    ...defaults(place),
    TMPDIR: hostPathOf(place.root, "/tmp"),
    ...Object.fromEntries(placed),
    HOME: hostPathOf(place.root, homeIn(environment)),
  };
}

/** The home inside the image, whatever an image has in that variable. */
export function homeIn(environment: Readonly<Record<string, string>>): string {
  return posix.resolve("/", environment["HOME"] ?? "");
}

/** An argument as it is given to a server here: a path of the image where it is one, alone or behind a flag's `=`. */
export function placedArgument(argument: string, { view, root }: LoaderPlace): string {
  const [, flag = "", path = ""] = /^(-[^=/]*=)?(\/.+)$/s.exec(argument) ?? [];
  const entry = path === "" || isKernels(path) ? undefined : findIn(view, path);
  // "/" is more often a route than a directory.
  return entry === undefined || entry.path === "/" ? argument : `${flag}${hostPathOf(root, path)}`;
}

// Also what the image does not have: in its place would be something of this machine's.
function placedList(value: string, root: string): string {
  return value
    .split(":")
    .map((path) => (path.startsWith("/") && !isKernels(path) ? hostPathOf(root, path) : path))
    .join(":");
}

// These are the same everywhere.
function isKernels(path: string): boolean {
  return /^\/+(?:proc|sys|dev)(?:\/|$)/.test(path);
}

function defaults({ view, root }: LoaderPlace): Record<string, string> {
  const found = DEFAULTS.flatMap(([name, paths]) => {
    const path = paths.find((candidate) => findIn(view, candidate) !== undefined);
    return path === undefined ? [] : [[name, hostPathOf(root, path)]];
  });
  return Object.fromEntries(found);
}
