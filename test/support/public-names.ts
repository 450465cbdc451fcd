// Hosts of this process under the names of the world's: certificates for them, of one authority, and a proxy that leads
// every one of these names here. No name is looked up and no packet leaves the machine.

import {
  createAuthority,
  type CertificateAuthority,
  type Identity,
} from "./certificate-authority.ts";
import { startProxy } from "./proxy-server.ts";

export interface WayThere extends AsyncDisposable {
  /** What the environment must say. */
  readonly env: Readonly<Record<string, string>>;
  /** The authority to trust. */
  readonly caFile: string;
}

let authority: CertificateAuthority | undefined;
const identities = new Map<string, Identity>();

/** A certificate for these hosts. */
export function identityFor(hosts: readonly string[]): Identity {
  const names = hosts.map((host) => `DNS:${host}`).join(",");
  const identity = identities.get(names) ?? trusted().issue({ names });
  identities.set(names, identity);
  return identity;
}

/** Opens the way to ports of this machine, by the names of the hosts. */
export async function openWay(ports: Readonly<Record<string, number>>): Promise<WayThere> {
  const proxy = await startProxy({ ports });
  return {
    env: { HTTPS_PROXY: `http://${proxy.host}`, HTTP_PROXY: `http://${proxy.host}` },
    caFile: trusted().path,
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

/** Removes what all of these certificates share. */
export function removeAuthority(): void {
  authority?.[Symbol.dispose]();
}

function trusted(): CertificateAuthority {
  authority ??= createAuthority();
  return authority;
}
