// Through which proxy a URL is asked, if any, by the variables that everybody knows and by Go's rules, so that the
// built-in client and crane go the same way. Pure.
// https://github.com/golang/net/blob/v0.30.0/http/httpproxy/proxy.go

import { BlockList, isIP } from "node:net";
import { RunnerError } from "../errors.ts";
import { zoneOf } from "./host.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** For a URL's protocol: what is looked for, in this order. */
const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  "http:": ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
  "https:": ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
};
const EXCEPTIONS = ["NO_PROXY", "no_proxy"];
const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

/**
 * The proxy for a URL, with its username and password; none where NO_PROXY says so, and never one for this machine: a
 * proxy's loopback is not ours. HTTP_PROXY counts in capitals too: it is a danger only to programs whose environment a
 * web server fills from a request's headers, and the runner answers none.
 * Throws INPUT_INVALID for a variable that names no usable proxy, without its value: there may be a password in it.
 */
export function proxyFor(url: URL, env: Environment): URL | undefined {
  const name = VARIABLES[url.protocol]?.find((variable) => env[variable]);
  if (name === undefined || zoneOf(url) === "loopback") return undefined;
  if (isExcepted(url, firstOf(EXCEPTIONS, env))) return undefined;
  return parseProxy(name, env[name] ?? "");
}

/** The passwords of all proxies in the environment, as they are written and as they are meant. */
export function proxyPasswords(env: Environment): readonly string[] {
  const names = new Set(Object.values(VARIABLES).flat());
  const written = [...names].map((name) => parseUrl(env[name] ?? "")?.password ?? "");
  const passwords = written.flatMap((password) => [password, decode(password)]);
  return [...new Set(passwords)].filter((password) => password !== "");
}

/**
 * The same proxies as a Go program is told of them. Go knows no ALL_PROXY.
 * https://github.com/golang/net/blob/v0.30.0/http/httpproxy/proxy.go#L28
 */
export function proxyVariables(env: Environment): Readonly<Record<string, string>> {
  const entries = [
    ["HTTP_PROXY", firstOf(VARIABLES["http:"] ?? [], env)],
    ["HTTPS_PROXY", firstOf(VARIABLES["https:"] ?? [], env)],
    ["NO_PROXY", firstOf(EXCEPTIONS, env)],
  ].filter(([, value]) => value !== "");
  return Object.fromEntries(entries) as Record<string, string>;
}

function firstOf(names: readonly string[], env: Environment): string {
  return names.map((name) => env[name]).find((value) => value) ?? "";
}

function parseProxy(name: string, value: string): URL {
  const url = parseUrl(value);
  if (url === undefined) throw unusable(name, "is not the address of a proxy");
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw unusable(name, `names a ${url.protocol.slice(0, -1)} proxy, which is not supported`);
  }
  return url;
}

// Without a scheme it is http: `proxy.example.com:3128`, which by itself reads as a URL of the scheme "proxy.example.com".
function parseUrl(value: string): URL | undefined {
  const text = value.trim();
  if (text === "") return undefined;
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  return url === null || url.hostname === "" ? undefined : url;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function unusable(name: string, problem: string): RunnerError {
  return new RunnerError("INPUT_INVALID", `${name} ${problem}`, {
    stage: "authenticate",
    hint: "Write it as http://[user:password@]host:port, or unset it to go without a proxy.",
  });
}

function isExcepted(url: URL, exceptions: string): boolean {
  const host = url.hostname.replace(/^\[|\]$|\.$/g, "");
  const port = url.port || DEFAULT_PORTS[url.protocol];
  const entries = exceptions.toLowerCase().split(/[\s,]+/);
  return entries.some((entry) => entry === "*" || covers(entry, host, port));
}

// An entry is a network, or a host with or without a port. A name stands for those below it too, and with a dot or
// `*.` before it for those only.
function covers(entry: string, host: string, port: string | undefined): boolean {
  const network = parseNetwork(entry);
  if (network !== undefined) return isIP(host) !== 0 && network.check(host, familyOf(host));
  const [name, entryPort] = splitPort(entry);
  if (name === "" || (entryPort !== undefined && entryPort !== port)) return false;
  if (isIP(name) !== 0) return isIP(host) !== 0 && networkOf(name).check(host, familyOf(host));
  const suffix = name.replace(/^\*?\./, ".");
  return suffix.startsWith(".")
    ? host.endsWith(suffix)
    : host === suffix || host.endsWith(`.${suffix}`);
}

// `example.com:443`, `[::1]:443`, `[::1]`, `::1`.
function splitPort(entry: string): [name: string, port: string | undefined] {
  const bracketed = /^\[([^\]]*)\](?::(\d*))?$/.exec(entry);
  if (bracketed !== null) return [bracketed[1] ?? "", bracketed[2] || undefined];
  const named = /^([^:]*):(\d*)$/.exec(entry);
  return named === null ? [entry, undefined] : [named[1] ?? "", named[2] || undefined];
}

function parseNetwork(entry: string): BlockList | undefined {
  const [, address = "", bits] = /^([^/]+)\/(\d{1,3})$/.exec(entry) ?? [];
  const version = isIP(address);
  if (version === 0 || Number(bits) > (version === 4 ? 32 : 128)) return undefined;
  const list = new BlockList();
  list.addSubnet(address, Number(bits), familyOf(address));
  return list;
}

function networkOf(address: string): BlockList {
  const list = new BlockList();
  list.addAddress(address, familyOf(address));
  return list;
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 4 ? "ipv4" : "ipv6";
}
