// What crane's words and ends mean: the same errors that the built-in client has.

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { digestOf } from "../../src/oci/digest.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { crane, fail, SHORT_STALL_MS } from "../support/fake-crane.ts";
import { tempDir } from "../support/temp-dir.ts";

const ACCOUNT = { username: "somebody", password: "canary-password" };
const BLOB = {
  mediaType: "application/octet-stream",
  digest: digestOf(Buffer.from("blob")),
  size: 4,
};

describe("a manifest from a crane that", () => {
  const rows: [string, string, string, string][] = [
    ["hangs", "sleep 60", "CRANE_FAILED", "crane was silent for 0.3 seconds and has been ended"],
    [
      "hangs after its output",
      "printf {}; exec >&- 2>&-; sleep 60",
      "CRANE_FAILED",
      "silent for 0.3",
    ],
    ["is killed", "kill -9 $$", "CRANE_FAILED", "crane was ended by SIGKILL"],
    ["prints garbage", "echo Segmentation fault", "REGISTRY_RESPONSE_INVALID", "no manifest"],
    ["prints nothing", "exit 0", "REGISTRY_RESPONSE_INVALID", "no manifest"],
    ["never stops printing", "echo {; yes", "LIMIT_EXCEEDED", "MAX_MANIFEST_BYTES"],
    [
      "fails in its own way",
      fail("unknown flag: --x"),
      "CRANE_FAILED",
      "exit status 1 (it says: unknown flag: --x)",
    ],
    ["fails without a word", "exit 3", "CRANE_FAILED", "crane ended with exit status 3"],
    ["prints escapes", fail("a\\033[2Jb"), "CRANE_FAILED", "a\\x1b[2Jb"],
    [
      "prints a signed address",
      fail("GET https://cdn.example/b?sig=canary: boom"),
      "CRANE_FAILED",
      "https://cdn.example/b?…",
    ],
    [
      "was denied",
      fail("GET https://ghcr.io/token: DENIED: requested access is denied"),
      "REGISTRY_DENIED",
      "(it says: requested access is denied)",
    ],
    [
      "was refused",
      fail("unexpected status code 401 Unauthorized"),
      "REGISTRY_DENIED",
      "not accept the given username and password",
    ],
    [
      "was refused by code",
      fail("UNAUTHORIZED: authentication required; [map[]]"),
      "REGISTRY_DENIED",
      "not accept the given",
    ],
    [
      "was forbidden",
      fail("unexpected status code 403 Forbidden"),
      "REGISTRY_DENIED",
      "does not let the given account",
    ],
    [
      "finds no tag",
      fail("MANIFEST_UNKNOWN: manifest unknown; map[Tag:1]"),
      "IMAGE_NOT_FOUND",
      "ghcr.io has no image org/app:1",
    ],
    [
      "finds no repository",
      fail("NAME_UNKNOWN: repository name not known"),
      "IMAGE_NOT_FOUND",
      "no repository named org/app",
    ],
    [
      "finds nothing",
      fail("unexpected status code 404 Not Found"),
      "IMAGE_NOT_FOUND",
      "has no image",
    ],
    [
      "is limited",
      fail("TOOMANYREQUESTS: You have reached your pull rate limit"),
      "REGISTRY_LIMITED",
      "limits how often",
    ],
    [
      "is limited by status",
      fail("unexpected status code 429 Too Many Requests"),
      "REGISTRY_LIMITED",
      "by this account",
    ],
    [
      "meets a fault",
      fail("unexpected status code 502 Bad Gateway"),
      "REGISTRY_RESPONSE_INVALID",
      "HTTP status 502",
    ],
    [
      "finds no host",
      fail('Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io: no such host'),
      "REGISTRY_UNREACHABLE",
      "ghcr.io is a host name that cannot be found",
    ],
    [
      "finds no other host",
      fail('Get "https://cdn.example:1/b?sig=canary": dial tcp: connection refused'),
      "REGISTRY_UNREACHABLE",
      "cdn.example:1 refuses the connection",
    ],
    [
      "gets no answer",
      fail('Get "https://ghcr.io/v2/": dial tcp 1.2.3.4:443: i/o timeout'),
      "REGISTRY_UNREACHABLE",
      "does not answer",
    ],
    [
      "trusts no certificate",
      fail("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
      "REGISTRY_UNREACHABLE",
      "authority that is not trusted",
    ],
    [
      "finds an old certificate",
      fail("x509: certificate has expired or is not yet valid"),
      "REGISTRY_UNREACHABLE",
      "expired",
    ],
    [
      "finds no TLS",
      fail("http: server gave HTTP response to HTTPS client"),
      "REGISTRY_UNREACHABLE",
      "does not speak TLS",
    ],
    [
      "is cut off",
      fail('Get "https://ghcr.io/v2/": EOF'),
      "REGISTRY_UNREACHABLE",
      "closes the connection",
    ],
    [
      "is led astray",
      fail('SSRF protection: redirect from "a" to private/link-local host "b" denied'),
      "REGISTRY_REDIRECT_REFUSED",
      "does not follow",
    ],
    [
      "is sent to a private address for a token",
      fail(
        'invalid realm in www-authenticate: realm host "10.0.0.1" is a private or link-local address',
      ),
      "REGISTRY_REDIRECT_REFUSED",
      "does not follow",
    ],
    [
      "gets other bytes",
      fail('error verifying sha256 checksum after reading 1 bytes; got "a", want "b"'),
      "DIGEST_MISMATCH",
      "does not match its digest",
    ],
  ];
  test.each(rows)("%s", async (_, script, code, message) => {
    using directory = tempDir();
    const isSilent = message.includes("silent");
    const options = isSilent ? { stallMs: SHORT_STALL_MS } : { credentials: ACCOUNT };
    const registry = await crane(directory, script, options);
    await expectRefused(registry.manifest(), code, message);
  });

  test("fails has all its words as the cause, without signatures", async () => {
    using directory = tempDir();
    const script = "echo first >&2; echo 'GET https://a/b?signature=canary: no' >&2; exit 1";
    const registry = await crane(directory, script, {});
    const failure = registry.manifest();
    await expectRefused(failure, "CRANE_FAILED", "it says: GET https://a/b?… no");
    await expect(failure).rejects.toMatchObject({ cause: "first\nGET https://a/b?… no" });
  });

  test("cannot be started", async () => {
    using directory = tempDir();
    const missing = { program: directory.file("no-crane") };
    const message = `crane cannot be started as ${missing.program}: there is no such program`;
    const registry = await crane(directory, "", missing);
    await expectRefused(registry.manifest(), "CRANE_MISSING", message);
    await expectRefused(registry.blob(BLOB), "CRANE_MISSING", message);
  });

  test("cannot be run", async () => {
    using directory = tempDir();
    writeFileSync(directory.file("not-executable"), "");
    const registry = await crane(directory, "", { program: directory.file("not-executable") });
    await expectRefused(registry.manifest(), "CRANE_MISSING", "cannot be started");
  });
});
