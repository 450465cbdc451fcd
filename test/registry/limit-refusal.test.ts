import { describe, expect, test } from "bun:test";
import { parseReference } from "../../src/oci/reference.ts";
import { messageRefusal } from "../../src/registry/message-refusal.ts";

const HUB = {
  "ratelimit-limit": "100;w=21600",
  "ratelimit-remaining": "0;w=21600",
  "retry-after": "900",
};

describe("a limit in words", () => {
  test("of Docker Hub for a network", () => {
    const { code, message, hint } = refusal(429, HUB, { image: "alpine" });
    expect({ code, message }).toEqual({
      code: "REGISTRY_LIMITED",
      message:
        "docker.io limits how often images are pulled from this network without an account: 100 pulls in 6 hours, of which none is left; it asks to wait 15 minutes",
    });
    expect(hint).toContain("an account has a limit of its own");
    expect(hint).toContain("Docker Hub counts every manifest that is read");
  });

  test.each<[string, number, Record<string, string>, Partial<Options>, string]>([
    [
      "for an account",
      429,
      {},
      { signedIn: true },
      "ghcr.io limits how often images are pulled by this account",
    ],
    [
      "by its code alone",
      403,
      {},
      { codes: ["TOOMANYREQUESTS"] },
      "ghcr.io limits how often images are pulled from this network without an account",
    ],
    [
      "of a registry in trouble",
      503,
      { "retry-after": "7200" },
      {},
      "ghcr.io answers with HTTP status 503; it asks to wait 2 hours",
    ],
    [
      "of its storage",
      429,
      { "retry-after": "120" },
      { isForeign: true },
      "cdn.example, where ghcr.io keeps org/app, limits how often it is asked; it asks to wait 2 minutes",
    ],
    [
      "of its storage in trouble",
      503,
      { "retry-after": "7200" },
      { isForeign: true },
      "cdn.example, where ghcr.io keeps org/app, answers with HTTP status 503; it asks to wait 2 hours",
    ],
  ])("%s", (_, status, headers, options, expected) => {
    const { code, message } = refusal(status, headers, options);
    expect({ code, message }).toEqual({ code: "REGISTRY_LIMITED", message: expected });
  });

  test("trouble that asks for a short time, or none, is trouble", () => {
    for (const headers of [{}, { "retry-after": "60" }]) {
      expect(refusal(503, headers).code).toBe("REGISTRY_RESPONSE_INVALID");
      expect(refusal(503, headers, { isForeign: true }).code).toBe("REGISTRY_RESPONSE_INVALID");
    }
    expect(refusal(404, { "retry-after": "7200" }).code).toBe("IMAGE_NOT_FOUND");
  });
});

interface Options {
  readonly image: string;
  readonly codes: readonly string[];
  readonly signedIn: boolean;
  readonly isForeign: boolean;
}

function refusal(status: number, headers: Record<string, string>, options: Partial<Options> = {}) {
  const { image = "ghcr.io/org/app:1", codes = [], signedIn = false, isForeign = false } = options;
  const reference = parseReference(image);
  const bytes = Buffer.from(JSON.stringify({ errors: codes.map((code) => ({ code })) }));
  const host = isForeign ? "cdn.example" : reference.registry;
  const message = { status, headers: new Headers(headers), host, isForeign, bytes };
  return messageRefusal(message, { reference, signedIn });
}
