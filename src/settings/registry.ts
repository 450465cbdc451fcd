// Who asks the registry, and how it is reached.

import { parseMirrors, parseRegistries } from "../registry/mirrors.ts";
import type { SettingRow } from "./row.ts";
import { oneOf, parsedBy, text, wholeNumber } from "./schemas.ts";

const REGISTRY_CLIENTS = ["auto", "crane", "builtin"] as const;

export const REGISTRY_ROWS = {
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
    about:
      "Seconds without a byte from a host after which a request ends; the built-in client makes it again, up to five times in all.",
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
    about:
      "Seconds until the last byte of an image has come, by either client, waiting for another runner that pulls it included; what is left to unpack then is not limited. 0 is no limit.",
    schema: wholeNumber(0, 604_800),
    fallback: "0",
  },
} as const satisfies Record<string, SettingRow>;
