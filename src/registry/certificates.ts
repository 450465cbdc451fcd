// Certificates in files: whom a connection trusts beside the authorities that are built in, and what it shows of
// itself. Reads PEM files and docker's certs.d directories; opens no connection.
// https://github.com/moby/moby/blob/v28.0.0/registry/registry.go#L75

import { type Dirent, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { RunnerError, printable, reasonOf } from "../errors.ts";
import { nodeCrypto } from "../system/rare-modules.ts";
import type { Environment } from "./proxy.ts";

/** A certificate and its key, in PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/** What certs.d says of one host. */
export interface HostCertificates {
  readonly authorities: readonly string[];
  readonly client?: ClientCertificate;
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const NOTHING: HostCertificates = { authorities: [] };

/**
 * The certificates of a PEM file, of which there is at least one.
 * Throws INPUT_INVALID when the file cannot be read, or holds something else or something damaged.
 */
export function readCertificates(setting: string, path: string): readonly string[] {
  const blocks = readText(setting, path).match(BLOCK) ?? [];
  if (blocks.length === 0) throw unusable(setting, path, "holds no certificate in PEM form");
  const damaged = blocks.findIndex((block) => !isCertificate(block));
  if (damaged < 0) return blocks;
  throw unusable(setting, path, `holds a damaged certificate: number ${damaged + 1}`);
}

/**
 * The authorities that the environment names for every program: SSL_CERT_FILE and SSL_CERT_DIR, which are OpenSSL's
 * and Go's, and NODE_EXTRA_CA_CERTS. Throws INPUT_INVALID.
 */
export function environmentAuthorities(env: Environment): readonly string[] {
  const files = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"].flatMap((name) =>
    env[name] ? readCertificates(name, env[name]) : [],
  );
  const directories = (env["SSL_CERT_DIR"] ?? "").split(":").filter((path) => path !== "");
  return [...new Set([...files, ...directories.flatMap(readDirectory)])];
}

/**
 * What the first certs.d directory there is for a host says, podman's before docker's: `*.crt` are authorities, and
 * `*.cert` with `*.key` is what to show. A host is written as in an image's name: `[::1]:5000`.
 * Throws INPUT_INVALID.
 */
export function hostCertificates(host: string, env: Environment): HostCertificates {
  // A host of dots alone would be another directory.
  if (!/[a-z0-9]/i.test(host)) return NOTHING;
  for (const parent of certificateDirectories(env)) {
    const directory = join(parent, host);
    const names = namesIn(directory);
    if (names !== undefined) return readHostDirectory(directory, names);
  }
  return NOTHING;
}

function certificateDirectories(env: Environment): readonly string[] {
  const home = env["HOME"] ? [join(env["HOME"], ".config/containers/certs.d")] : [];
  return [...home, "/etc/containers/certs.d", "/etc/docker/certs.d"];
}

// What this user may not even look into is not meant for this user: docker keeps /etc/docker to itself in places.
function namesIn(directory: string): readonly string[] | undefined {
  try {
    return readdirSync(directory).toSorted();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(code)) return undefined;
    throw unusable("certs.d", directory, `cannot be read: ${reasonOf(error)}`);
  }
}

function readHostDirectory(directory: string, names: readonly string[]): HostCertificates {
  const ending = (extension: string) => names.filter((name) => name.endsWith(extension));
  const authorities = ending(".crt").flatMap((name) =>
    readCertificates("certs.d", join(directory, name)),
  );
  const certificates = ending(".cert");
  const keys = new Set(ending(".key"));
  const [first, second] = certificates;
  if (second !== undefined)
    throw unusable("certs.d", directory, "holds several client certificates");
  const key = first?.replace(/\.cert$/, ".key");
  const stray = [...keys].find((name) => name !== key);
  if (stray !== undefined) {
    throw unusable(
      "certs.d",
      join(directory, stray),
      "is a key without a certificate (.cert) beside it",
    );
  }
  if (first === undefined || key === undefined) return { authorities };
  if (!keys.has(key)) {
    const problem = `is a client certificate without its key (${basename(key)}); an authority's ends in .crt`;
    throw unusable("certs.d", join(directory, first), problem);
  }
  return {
    authorities,
    client: readClientCertificate(join(directory, first), join(directory, key)),
  };
}

function readClientCertificate(certPath: string, keyPath: string): ClientCertificate {
  const cert = readCertificates("certs.d", certPath).join("\n");
  const key = readText("certs.d", keyPath);
  const { createPrivateKey, X509Certificate } = nodeCrypto();
  let belongs: boolean;
  try {
    belongs = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw unusable(
      "certs.d",
      keyPath,
      "holds no private key that can be used without a password",
      error,
    );
  }
  if (!belongs) throw unusable("certs.d", keyPath, `is not the key of ${basename(certPath)}`);
  return { cert, key };
}

// As Go does it: whatever is a certificate counts, under whichever name, and nothing else is expected to be one.
function readDirectory(directory: string): readonly string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.flatMap((entry) =>
      isLinkWithin(directory, entry) ? [] : certificatesOf(join(directory, entry.name)),
    );
  } catch (error) {
    throw unusable("SSL_CERT_DIR", directory, `cannot be read: ${reasonOf(error)}`, error);
  }
}

// OpenSSL's directories hold everything twice: a file by its name, and a link to it by its hash.
function isLinkWithin(directory: string, entry: Dirent): boolean {
  return entry.isSymbolicLink() && !readlinkSync(join(directory, entry.name)).includes("/");
}

function certificatesOf(path: string): readonly string[] {
  try {
    return (readFileSync(path, "utf8").match(BLOCK) ?? []).filter(isCertificate);
  } catch {
    return [];
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new (nodeCrypto().X509Certificate)(pem).raw.length > 0;
  } catch {
    return false;
  }
}

function readText(setting: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw unusable(setting, path, `cannot be read: ${reasonOf(error)}`, error);
  }
}

function unusable(setting: string, path: string, problem: string, cause?: unknown): RunnerError {
  const named = setting === "certs.d" ? printable(path) : `${setting}: ${printable(path)}`;
  return new RunnerError("INPUT_INVALID", `${named} ${problem}`, { cause, stage: "authenticate" });
}
