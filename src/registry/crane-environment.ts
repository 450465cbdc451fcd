// What crane is started with: its directory, the way to the registry, and whom to trust. Nothing else: what this process
// was started with is none of crane's business, the password least of all.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeTls } from "../system/rare-modules.ts";
import { type Environment, proxyVariables } from "./proxy.ts";
import type { Transport } from "./transport.ts";

/** `directory` is crane's alone. Throws INPUT_INVALID for certificates that are no use. */
export function craneEnvironment(
  env: Environment,
  directory: string,
  transport: Transport,
): Record<string, string> {
  const path = env["PATH"];
  return {
    ...(path === undefined ? {} : { PATH: path }),
    ...proxyVariables(env),
    ...authorityVariables(env, directory, transport),
    HOME: directory,
    DOCKER_CONFIG: directory,
  };
}

// A file that Go is told of takes the place of the system's, so all go into one.
// https://github.com/golang/go/blob/go1.24.0/src/crypto/x509/root_unix.go#L29
function authorityVariables(
  env: Environment,
  directory: string,
  transport: Transport,
): Record<string, string> {
  const authorities = transport.authorities();
  if (authorities.length === 0) return {};
  const file = join(directory, "authorities.pem");
  const trusted = [...nodeTls().rootCertificates, ...authorities];
  writeFileSync(file, trusted.join("\n"), { mode: 0o600 });
  const directories = env["SSL_CERT_DIR"];
  return { SSL_CERT_FILE: file, ...(directories ? { SSL_CERT_DIR: directories } : {}) };
}
