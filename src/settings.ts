// One table, a row an input. The environment variables, the command line's flags, --help and the README's table are
// all derived from it. Reads nothing.

import * as v from "valibot";
import { type ErrorCode, reasonOf } from "./errors.ts";
import { RUN_MODES } from "./launch/run-mode.ts";
import { DEFAULT_LIMITS } from "./layers/limits.ts";
import { LOG_FORMATS, LOG_LEVELS } from "./log.ts";
import { parsePlatform } from "./oci/platform.ts";
import { parseImageName } from "./oci/image-name.ts";
import { parseMirrors, parseRegistries } from "./registry/mirrors.ts";

export const TRANSPORTS = ["streamable-http", "sse", "stdio"] as const;
export const PULL_POLICIES = ["always", "missing", "never"] as const;
export const REGISTRY_CLIENTS = ["auto", "crane", "builtin"] as const;

/** A row, as those see it who need not know its value. */
export interface SettingRow {
  /** The environment variable; a row without one is a flag only. */
  readonly env?: string;
  /** The flag without its dashes; a secret has none, because argv is readable by everyone. */
  readonly flag?: string;
  /** How --help calls the value. */
  readonly value: string;
  readonly about: string;
  readonly schema: v.GenericSchema<string, unknown>;
  /** The text that stands in for an absent value. */
  readonly fallback?: string;
  /** The value never appears in a message. */
  readonly secret?: true;
  /** The error when this row alone is wrong; INPUT_INVALID unless it has one of its own. */
  readonly code?: ErrorCode;
}

const text = v.pipe(v.string(), v.nonEmpty("must not be empty"));
const oneOf = <const T extends readonly string[]>(options: T) =>
  v.picklist(options, `must be one of ${options.join(", ")}`);
const wholeNumber = (minimum: number, maximum: number) => {
  const message = `must be a whole number from ${minimum} to ${maximum}`;
  return v.pipe(
    v.string(),
    v.regex(/^[0-9]{1,15}$/, message),
    v.transform(Number),
    v.minValue(minimum, message),
    v.maxValue(maximum, message),
  );
};
const UNITS = { "": 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const;
const byteCount = v.pipe(
  v.string(),
  v.regex(/^[0-9]{1,12}[KMG]?$/, "must be a number of bytes, such as 1048576, 512M or 16G"),
  v.transform(
    (text) => Number.parseInt(text) * UNITS[text.replace(/[0-9]+/, "") as keyof typeof UNITS],
  ),
);
const urlPath = v.pipe(
  v.string(),
  v.regex(/^\/[\w!$%&'()*+,./:;=@~-]*$/, "must be a path that starts with /, such as /mcp"),
);
const hostName = v.pipe(
  v.string(),
  v.regex(/^[\w.:%[\]-]+$/, "must be an address or a host name, such as 0.0.0.0"),
);
const parsedBy = <T>(parse: (text: string) => T) =>
  v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(dataset.value);
      } catch (error) {
        addIssue({ message: reasonOf(error) });
        return NEVER;
      }
    }),
  );
const absolutePath = v.pipe(v.string(), v.regex(/^\//, "must be an absolute path"));

export const SETTINGS = {
  image: {
    env: "IMAGE",
    value: "reference",
    about:
      "Image to run, as in `docker pull`: `ghcr.io/org/server:1.2`, `mcp/fetch`, `host:5000/name@sha256:…`; or on this machine: `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:TAG]`. Also the argument.",
    schema: parsedBy(parseImageName),
    code: "REFERENCE_INVALID",
  },
  port: {
    env: "PORT",
    flag: "port",
    value: "1-65535",
    about: "Port that the server listens on. Required unless the transport is stdio.",
    schema: wholeNumber(1, 65_535),
  },
  mcpTransport: {
    env: "MCP_TRANSPORT",
    flag: "mcp-transport",
    value: TRANSPORTS.join("|"),
    about: "How clients reach the server; handed on to it.",
    schema: oneOf(TRANSPORTS),
    fallback: "streamable-http",
  },
  mcpHost: {
    env: "MCP_HOST",
    flag: "mcp-host",
    value: "address",
    about: "Address that the server binds; handed on to it.",
    schema: hostName,
    fallback: "0.0.0.0",
  },
  mcpPath: {
    env: "MCP_PATH",
    flag: "mcp-path",
    value: "path",
    about: "Path of the MCP endpoint; handed on to the server.",
    schema: urlPath,
    fallback: "/mcp",
  },
  healthcheckPath: {
    env: "HEALTHCHECK_PATH",
    flag: "healthcheck-path",
    value: "path",
    about: "Path that `healthcheck` asks; where the server does not know it, MCP_PATH is asked.",
    schema: urlPath,
    fallback: "/health",
  },
  runMode: {
    env: "RUN_MODE",
    flag: "run-mode",
    value: RUN_MODES.join("|"),
    about: "Where the server finds its files; `auto` decides by what works here. See Run modes.",
    schema: oneOf(RUN_MODES),
    fallback: "auto",
  },
  workDirectory: {
    env: "WORK_DIR",
    flag: "work-dir",
    value: "path",
    about:
      "Directory for images being unpacked and for private roots. Default: /var/cache/fastmcp-runner, else the user's cache directory.",
    schema: absolutePath,
  },
  destination: {
    flag: "to",
    value: "directory",
    about: "Where `pull` puts the image's root filesystem: a directory that is empty or absent.",
    schema: text,
  },
  platform: {
    env: "PLATFORM",
    flag: "platform",
    value: "os/arch",
    about: "Platform to pull, such as `linux/amd64` or `linux/arm64/v8`. Default: this machine's.",
    schema: parsedBy(parsePlatform),
  },
  registryUser: {
    env: "REGISTRY_USER",
    flag: "registry-user",
    value: "name",
    about: "User name for a private registry; needs a password.",
    schema: text,
  },
  registryPassword: {
    env: "REGISTRY_PASSWORD",
    value: "secret",
    about: "Password or token for REGISTRY_USER. Leaves the environment before anything is pulled.",
    schema: text,
    secret: true,
  },
  registryPasswordFile: {
    env: "REGISTRY_PASSWORD_FILE",
    flag: "registry-password-file",
    value: "path",
    about: "File that holds the password, instead of REGISTRY_PASSWORD.",
    schema: text,
  },
  registryClient: {
    env: "REGISTRY_CLIENT",
    flag: "registry-client",
    value: REGISTRY_CLIENTS.join("|"),
    about:
      "What speaks to the registry: `auto` is crane where it is on PATH, else the built-in client.",
    schema: oneOf(REGISTRY_CLIENTS),
    fallback: "auto",
  },
  registryTimeout: {
    env: "REGISTRY_TIMEOUT",
    flag: "registry-timeout",
    value: "seconds",
    about: "Seconds without a byte from the registry after which the runner gives up.",
    schema: wholeNumber(1, 3_600),
    fallback: "30",
  },
  registryConcurrency: {
    env: "REGISTRY_CONCURRENCY",
    flag: "registry-concurrency",
    value: "number",
    about: "Requests to the registry at the same time.",
    schema: wholeNumber(1, 64),
    fallback: "4",
  },
  registryCaFile: {
    env: "REGISTRY_CA_FILE",
    flag: "registry-ca-file",
    value: "path",
    about:
      "File with certificates (PEM) of authorities to trust besides the built-in ones and those of SSL_CERT_FILE, SSL_CERT_DIR and NODE_EXTRA_CA_CERTS.",
    schema: text,
  },
  registryPlainHttp: {
    env: "REGISTRY_PLAIN_HTTP",
    flag: "registry-plain-http",
    value: "registries",
    about:
      "Registries to ask without encryption, as the image's name has them: `registry.lan:5000,10.0.0.7`. Others are only on loopback.",
    schema: parsedBy(parseRegistries),
  },
  registryMirrors: {
    env: "REGISTRY_MIRRORS",
    flag: "registry-mirrors",
    value: "list",
    about:
      "Whom to ask before a registry: `docker.io=mirror.example.com,host:5000/prefix;ghcr.io=…`. They are trusted with what a tag stands for.",
    schema: parsedBy(parseMirrors),
  },
  pullTimeout: {
    env: "PULL_TIMEOUT",
    flag: "pull-timeout",
    value: "seconds",
    about: "Seconds that a pull may take in all; 0 is no limit.",
    schema: wholeNumber(0, 604_800),
    fallback: "0",
  },
  cacheDirectory: {
    env: "CACHE_DIR",
    flag: "cache-dir",
    value: "directory",
    about: "Keeps images from one start to the next. Without it nothing is kept.",
    schema: absolutePath,
  },
  cacheMaxBytes: {
    env: "CACHE_MAX_BYTES",
    flag: "cache-max-bytes",
    value: "bytes",
    about: "Size that the cache is kept to: what was not used for longest goes first.",
    schema: byteCount,
    fallback: "10G",
  },
  pullPolicy: {
    env: "PULL_POLICY",
    flag: "pull-policy",
    value: PULL_POLICIES.join("|"),
    about:
      "When to ask the registry although the image is in CACHE_DIR: `always` asks whether the tag has moved, `missing` does not, `never` pulls nothing.",
    schema: oneOf(PULL_POLICIES),
    fallback: "always",
  },
  offlineStart: {
    env: "OFFLINE_START",
    flag: "offline-start",
    value: "0|1",
    about: "1 starts the image from CACHE_DIR when the registry cannot be reached.",
    schema: oneOf(["0", "1"]),
    fallback: "0",
  },
  maxUnpackedBytes: {
    env: "MAX_UNPACKED_BYTES",
    flag: "max-unpacked-bytes",
    value: "bytes",
    about: "Bytes that an image may unpack to.",
    schema: byteCount,
    fallback: "16G",
  },
  maxRatio: {
    env: "MAX_RATIO",
    flag: "max-ratio",
    value: "number",
    about: "Times that a layer may grow when it is unpacked, judged after 64 MiB.",
    schema: wholeNumber(1, 1_000_000),
    fallback: String(DEFAULT_LIMITS.ratio),
  },
  maxEntries: {
    env: "MAX_ENTRIES",
    flag: "max-entries",
    value: "number",
    about:
      "Files, directories and links that an image may hold; a name of more than 128 bytes counts as several.",
    schema: wholeNumber(1, 100_000_000),
    fallback: String(DEFAULT_LIMITS.entries),
  },
  maxLayers: {
    env: "MAX_LAYERS",
    flag: "max-layers",
    value: "number",
    about: "Layers that an image may have.",
    schema: wholeNumber(1, 100_000),
    fallback: String(DEFAULT_LIMITS.layers),
  },
  maxDepth: {
    env: "MAX_DEPTH",
    flag: "max-depth",
    value: "number",
    about: "Directories below each other.",
    schema: wholeNumber(1, 2_000),
    fallback: String(DEFAULT_LIMITS.depth),
  },
  maxPathBytes: {
    env: "MAX_PATH_BYTES",
    flag: "max-path-bytes",
    value: "bytes",
    about: "Length of a name with its directories.",
    schema: byteCount,
    fallback: String(DEFAULT_LIMITS.pathBytes),
  },
  maxNameBytes: {
    env: "MAX_NAME_BYTES",
    flag: "max-name-bytes",
    value: "bytes",
    about: "Length of a name without its directories.",
    schema: byteCount,
    fallback: String(DEFAULT_LIMITS.nameBytes),
  },
  maxRecordBytes: {
    env: "MAX_RECORD_BYTES",
    flag: "max-record-bytes",
    value: "bytes",
    about: "Size of one extended header in a layer.",
    schema: byteCount,
    fallback: "1M",
  },
  maxManifestBytes: {
    env: "MAX_MANIFEST_BYTES",
    flag: "max-manifest-bytes",
    value: "bytes",
    about: "Size of a manifest or an index.",
    schema: byteCount,
    fallback: "4M",
  },
  maxConfigBytes: {
    env: "MAX_CONFIG_BYTES",
    flag: "max-config-bytes",
    value: "bytes",
    about: "Size of an image's config.",
    schema: byteCount,
    fallback: "8M",
  },
  logLevel: {
    env: "LOG_LEVEL",
    flag: "log-level",
    value: LOG_LEVELS.join("|"),
    about: "Least severe message that is logged.",
    schema: oneOf(LOG_LEVELS),
    fallback: "info",
  },
  logFormat: {
    env: "LOG_FORMAT",
    flag: "log-format",
    value: LOG_FORMATS.join("|"),
    about: "Shape of the log on stderr.",
    schema: oneOf(LOG_FORMATS),
    fallback: "text",
  },
} as const satisfies Record<string, SettingRow>;

export type SettingName = keyof typeof SETTINGS;

type ValueOf<R extends SettingRow> = R extends { fallback: string }
  ? v.InferOutput<R["schema"]>
  : v.InferOutput<R["schema"]> | undefined;

export type Settings = { readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]> };
