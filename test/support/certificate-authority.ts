// An authority that signs certificates for tests, made by openssl, with a server behind such a certificate.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "./temp-dir.ts";

export interface Identity {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface Wishes {
  /** As openssl writes alternative names. */
  readonly names?: string;
  /** Of which kind its key is; on the curve P-256 by default. */
  readonly key?: "ec" | "rsa";
  /** Days that it is valid for from now on; one that is less than none has expired. */
  readonly days?: number;
}

export interface CertificateAuthority extends Disposable {
  readonly cert: string;
  /** A PEM file that holds its certificate. */
  readonly path: string;
  /** A certificate that it has signed: for this machine, from now on, unless something else is wished for. */
  issue(wishes?: Wishes): Identity;
}

const LOOPBACK = "DNS:localhost,DNS:registry.test,IP:127.0.0.1,IP:::1";
const KEYS = {
  ec: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
  rsa: ["-newkey", "rsa:2048", "-nodes"],
} as const;

/** Makes an authority in a temporary directory. */
export function createAuthority(name = "an authority of tests"): CertificateAuthority {
  const directory = tempDir("fastmcp-runner-authority-");
  const path = directory.file("authority.pem");
  const keyPath = directory.file("authority.key");
  openssl(["req", "-x509", ...KEYS.ec, "-days", "2", "-subj", `/CN=${name}`], keyPath, path);
  let issued = 0;
  return {
    cert: readFileSync(path, "utf8"),
    path,
    issue({ names = LOOPBACK, days = 1, key = "ec" } = {}) {
      const stem = directory.file(`issued-${++issued}`);
      writeFileSync(`${stem}.ext`, `subjectAltName=${names}`);
      openssl(["req", ...KEYS[key], "-subj", "/CN=issued"], `${stem}.key`, `${stem}.csr`);
      const signing = [
        "-CA",
        path,
        "-CAkey",
        keyPath,
        "-CAcreateserial",
        "-extfile",
        `${stem}.ext`,
      ];
      run([
        "x509",
        "-req",
        "-in",
        `${stem}.csr`,
        ...signing,
        "-days",
        String(days),
        "-out",
        `${stem}.pem`,
      ]);
      return {
        cert: readFileSync(`${stem}.pem`, "utf8"),
        key: readFileSync(`${stem}.key`, "utf8"),
      };
    },
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  };
}

/** Writes an identity the way docker's certs.d has it. */
export function writeIdentity(directory: string, { cert, key }: Identity): void {
  writeFileSync(join(directory, "client.cert"), cert);
  writeFileSync(join(directory, "client.key"), key);
}

function openssl(argv: readonly string[], keyPath: string, out: string): void {
  run([...argv, "-keyout", keyPath, "-out", out]);
}

function run(argv: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...argv], { stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`openssl ${argv[0]} failed: ${stderr}`);
}
