import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import {
  environmentAuthorities,
  hostCertificates,
  readCertificates,
} from "../../src/registry/certificates.ts";
import { type CertificateAuthority, createAuthority } from "../support/certificate-authority.ts";
import { needs } from "../support/requirements.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";

const DAMAGED = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const test = needs("openssl");

let first: CertificateAuthority;
let second: CertificateAuthority;
beforeAll(() => {
  first = createAuthority("first");
  second = createAuthority("second");
});
afterAll(() => {
  first[Symbol.dispose]();
  second[Symbol.dispose]();
});

describe("a file of certificates", () => {
  test("may hold several, and other text around them", () => {
    using directory = tempDir();
    const path = directory.file("ca.pem");
    writeFileSync(path, `# one\n${first.cert}\r\n# two\n${second.cert}`);
    expect(readCertificates("REGISTRY_CA_FILE", path)).toEqual([
      first.cert.trim(),
      second.cert.trim(),
    ]);
  });

  test("is refused by the setting's name and its own when it is of no use", () => {
    using directory = tempDir();
    const path = directory.file("ca.pem");
    const read = () => readCertificates("REGISTRY_CA_FILE", path);
    expect(read).toThrow(`REGISTRY_CA_FILE: ${path} cannot be read: ENOENT`);
    writeFileSync(path, "");
    expect(read).toThrow(`REGISTRY_CA_FILE: ${path} holds no certificate in PEM form`);
    writeFileSync(path, first.cert + DAMAGED);
    expect(read).toThrow(`REGISTRY_CA_FILE: ${path} holds a damaged certificate: number 2`);
    rmSync(path);
    mkdirSync(path);
    expect(read).toThrow(`REGISTRY_CA_FILE: ${path} cannot be read: EISDIR`);
  });
});

describe("the environment's authorities", () => {
  test("are those of all three variables, each once", () => {
    using directory = tempDir();
    mkdirSync(directory.file("certs"));
    writeFileSync(directory.file("certs/second.pem"), second.cert);
    writeFileSync(directory.file("certs/README"), "no certificate");
    writeFileSync(directory.file("certs/damaged.pem"), DAMAGED);
    symlinkSync("second.pem", directory.file("certs/0123abcd.0"));
    symlinkSync(first.path, directory.file("certs/first.pem"));
    const env = {
      SSL_CERT_FILE: first.path,
      NODE_EXTRA_CA_CERTS: second.path,
      SSL_CERT_DIR: directory.file("certs"),
    };
    const both = [first.cert.trim(), second.cert.trim()];
    expect(environmentAuthorities(env)).toEqual(both);
    expect(
      environmentAuthorities({ SSL_CERT_DIR: `${directory.file("certs")}:` }).toSorted(),
    ).toEqual(both.toSorted());
    expect(environmentAuthorities({})).toEqual([]);
  });

  test("are refused by the variable's name when they cannot be read", () => {
    for (const name of ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"]) {
      expect(() => environmentAuthorities({ [name]: "/nonexistent/file" })).toThrow(
        `${name}: /nonexistent/file cannot be read: ENOENT`,
      );
    }
  });
});

describe("certs.d", () => {
  /** Files below podman's directory in a HOME, and what is read of them for `host`. */
  function read(home: TempDir, host: string, files: Readonly<Record<string, string>>) {
    const directory = home.file(".config/containers/certs.d", host);
    mkdirSync(directory, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(`${directory}/${name}`, text);
    return hostCertificates(host, { HOME: home.path });
  }

  test("has authorities and a certificate to show, and may hold other files", () => {
    using home = tempDir();
    const { cert, key } = first.issue();
    const files = {
      "a.crt": first.cert,
      "b.crt": second.cert,
      "c.cert": cert,
      "c.key": key,
      "x.md": "",
    };
    expect(read(home, "registry.example.com", files)).toEqual({
      authorities: [first.cert.trim(), second.cert.trim()],
      client: { cert: cert.trim(), key },
    });
  });

  test("is for one host with its port", () => {
    using home = tempDir();
    for (const host of ["registry.example.com:5000", "[::1]:5000", "127.0.0.1:5000"]) {
      expect(read(home, host, { "a.crt": first.cert }).authorities).toHaveLength(1);
    }
    const env = { HOME: home.path };
    for (const host of ["registry.example.com", "registry.example.com:5001", "[::1]", "..", "."]) {
      expect(hostCertificates(host, env)).toEqual({ authorities: [] });
    }
  });

  test("is refused by the file's name when something in it is of no use", () => {
    const own = first.issue();
    const rows: [Record<string, string>, string][] = [
      [{ "a.crt": "" }, "/a.crt holds no certificate in PEM form"],
      [{ "a.cert": own.cert }, "/a.cert is a client certificate without its key (a.key)"],
      [{ "a.key": own.key }, "/a.key is a key without a certificate (.cert) beside it"],
      [{ "a.cert": own.cert, "a.key": "" }, "/a.key holds no private key"],
      [{ "a.cert": own.cert, "a.key": first.issue().key }, "/a.key is not the key of a.cert"],
      [{ "a.cert": "", "a.key": own.key }, "/a.cert holds no certificate"],
      [
        { "a.cert": own.cert, "a.key": own.key, "b.cert": own.cert, "b.key": own.key },
        "host.example holds several client certificates",
      ],
    ];
    for (const [files, message] of rows) {
      using home = tempDir();
      expect(() => read(home, "host.example", files)).toThrow(message);
    }
  });
});
