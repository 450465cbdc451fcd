// The environment as other processes see it: /proc/PID/environ shows the memory that the kernel filled at the start,
// whatever has been deleted from `process.env` since.

import { toArrayBuffer } from "bun:ffi";
import { checked, cString, libc } from "./libc.ts";

const PR_SET_DUMPABLE = 4;
const SECRETS = ["REGISTRY_PASSWORD", "AUTH_TOKEN"];
const PROXY_EXCEPTIONS = ["NO_PROXY", "no_proxy"];

/**
 * The environment as it was given. A password or a token in it is in no environment afterwards, and in this process out of the
 * reach of others, and NO_PROXY is in what this returns alone. For every command, before anything else: a container's HEALTHCHECK is given the password too.
 */
export function takeEnvironment(): Readonly<Record<string, string | undefined>> {
  const environment = { ...process.env };
  // Bun lets them overrule the proxy that a fetch is given, by rules of its own.
  for (const name of PROXY_EXCEPTIONS) delete process.env[name];
  // Without a secret there is nothing to hide, and libc stays closed.
  const given = SECRETS.filter((name) => environment[name] !== undefined);
  if (given.length > 0) hideFromOtherProcesses();
  for (const name of given) forgetVariable(name);
  return environment;
}

/**
 * Until the next execve, keeps other processes of this user from reading this one's memory, environment and
 * descriptors, where the password is in use.
 */
export function hideFromOtherProcesses(): void {
  checked(libc().prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl of dumpable");
}

// Out of `process.env`, and overwritten where the kernel put it. Bun keeps a copy for children that are given no
// environment of their own: here all are.
function forgetVariable(name: string): void {
  const key = cString(name);
  // A variable may be given more than once; only the first is visible until it is gone.
  for (let address = libc().getenv(key); address !== null; address = libc().getenv(key)) {
    // Up to the terminating zero: the value, and then the name before it, so that the entry is found no more.
    const start = Number(address) - name.length - 1;
    const bytes = new Uint8Array(toArrayBuffer(start as typeof address, 0));
    bytes.fill(0);
  }
  delete process.env[name];
}
