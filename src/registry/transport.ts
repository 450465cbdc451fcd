// How the hosts of one registry are reached: encrypted or not, through which proxy, trusting whom, and with which
// certificate of ours. Knows nothing of what is asked there.

import { environmentAuthorities, hostCertificates, readCertificates } from "./certificates.ts";
import { endpointOf, type PlainHttp } from "./host.ts";
import { type Environment, proxyFor } from "./proxy.ts";
import { nodeTls } from "../system/rare-modules.ts";

export interface TransportOptions {
  /** As a reference names it. */
  readonly registry: string;
  /** Proxies and certificates that the machine names for every program, and HOME. */
  readonly env: Environment;
  /** A PEM file of authorities to trust beside all others. */
  readonly caFile?: string | undefined;
  readonly plainHttp?: PlainHttp | undefined;
}

export interface Transport {
  /** The root of the registry's API. */
  readonly endpoint: URL;
  /** The authorities to trust beside the built-in ones when the registry is asked. Throws INPUT_INVALID. */
  authorities(): readonly string[];
  /** Whether certs.d has a certificate to show to the registry. */
  readonly showsCertificate: boolean;
  /** Throws INPUT_INVALID for a proxy or certificates that are no use. */
  route(url: URL): Route;
  /** The same without a certificate of ours: for an address that an image names, which anybody can write. */
  strangersRoute(url: URL): Route;
}

/** How one URL is reached. */
export interface Route {
  /** To be spread into the options of `fetch`. */
  readonly options: {
    readonly tls: TlsOptions;
    /** `false` is not the same as none: without it `fetch` would look into the environment by itself. */
    readonly proxy: string | false;
  };
  /** The proxy's host and port, without its password. */
  readonly proxy: string | undefined;
}

interface TlsOptions {
  rejectUnauthorized: true;
  ca?: string[];
  cert?: string;
  key?: string;
}

// NODE_TLS_REJECT_UNAUTHORIZED=0 would switch it off.
const STRICT: TlsOptions = { rejectUnauthorized: true };

/**
 * Reads REGISTRY_CA_FILE and what certs.d says of the registry, so that a mistake there shows before anything is sent.
 * Throws INPUT_INVALID.
 */
export function createTransport({ registry, env, ...options }: TransportOptions): Transport {
  const own = options.caFile ? readCertificates("REGISTRY_CA_FILE", options.caFile) : [];
  const ofRegistry = hostCertificates(registry, env);
  const showsCertificate = ofRegistry.client !== undefined;
  const hasCertificates = showsCertificate || ofRegistry.authorities.length > 0;
  const endpoint = endpointOf(registry, { plainHttp: options.plainHttp, hasCertificates });
  const known = new Map<string, TlsOptions>();
  let trusted: readonly string[] | undefined;

  // Not before it is needed: a directory of certificates takes longer to read than all else that a warm start does.
  function authorities(): readonly string[] {
    trusted ??= [...new Set([...environmentAuthorities(env), ...own, ...ofRegistry.authorities])];
    return trusted;
  }

  // The registry's other hosts, of tokens and blobs, are trusted as it is itself: a private one has one authority for
  // all. A certificate of ours is for the host alone that it was laid down for.
  function tlsOptions(url: URL): TlsOptions {
    // A reference names Docker Hub, or a port 443, in another way than a URL.
    const host = url.host === endpoint.host ? ofRegistry : hostCertificates(url.host, env);
    const ca = [...authorities(), ...host.authorities];
    return {
      ...STRICT,
      // Given any, Bun trusts these alone.
      ...(ca.length === 0 ? {} : { ca: [...nodeTls().rootCertificates, ...ca] }),
      ...host.client,
    };
  }

  function route(url: URL): Route {
    const proxy = proxyFor(url, env);
    const isPlain = [url, proxy].every((hop) => hop?.protocol !== "https:");
    const tls = isPlain ? STRICT : (known.get(url.origin) ?? tlsOptions(url));
    if (!isPlain) known.set(url.origin, tls);
    return { options: { tls, proxy: proxy?.href ?? false }, proxy: proxy?.host };
  }

  return {
    endpoint,
    authorities,
    showsCertificate,
    route,
    strangersRoute(url) {
      const { options, proxy } = route(url);
      const { cert: _cert, key: _key, ...tls } = options.tls;
      return { options: { ...options, tls }, proxy };
    },
  };
}
