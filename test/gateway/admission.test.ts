import { describe, expect, test } from "bun:test";
import { type AdmissionRules, createAdmission } from "../../src/gateway/front/admission.ts";

const OPEN: AdmissionRules = { hosts: [], origins: [] };
const TOKEN = "canary-4b1d9f02";

type Headers = Readonly<Record<string, string>>;

describe("the Host that a request calls", () => {
  test.each<readonly [host: string, rules: Partial<AdmissionRules>, admitted: boolean]>([
    ["localhost", {}, true],
    ["localhost:7860", {}, true],
    ["LOCALHOST:7860", {}, true],
    ["127.0.0.1:7860", {}, true],
    ["127.9.9.9", {}, true],
    ["[::1]:7860", {}, true],
    ["10.1.2.3:7860", {}, true],
    ["[fd00::1]:7860", {}, true],
    ["evil.example", {}, false],
    ["evil.example:7860", {}, false],
    ["127.0.0.1.evil.example", {}, false],
    ["localhost.evil.example", {}, false],
    ["[::1].evil.example", {}, false],
    ["1.2.3.4.5", {}, false],
    ["", {}, false],
    ["app.example:443", { hosts: ["app.example"] }, true],
    ["APP.example", { hosts: ["app.EXAMPLE"] }, true],
    ["sub.app.example", { hosts: ["app.example"] }, false],
    ["anything.example", { hosts: ["*"] }, true],
    // Whoever has the token need not be on the same machine as the name's owner.
    ["anything.example", { token: TOKEN }, true],
  ])("%p with %p: %p", (host, rules, admitted) => {
    const admission = createAdmission({ ...OPEN, ...rules });
    expect(admission.refuse(request({ host }))?.status).toBe(admitted ? undefined : 403);
  });
});

describe("the Origin that a request comes from", () => {
  test.each<readonly [headers: Headers, rules: Partial<AdmissionRules>, admitted: boolean]>([
    [{ host: "localhost:1", origin: "http://localhost:6274" }, {}, true],
    [{ host: "127.0.0.1:1", origin: "http://[::1]:6274" }, {}, true],
    [{ host: "localhost:1", origin: "http://evil.example" }, {}, false],
    [{ host: "localhost:1", origin: "null" }, {}, false],
    [{ host: "localhost:1", origin: "app://localhost" }, {}, false],
    [{ host: "10.0.0.1:1", origin: "app://10.0.0.1:1" }, {}, false],
    [{ host: "localhost:1", origin: "" }, {}, false],
    [{ host: "10.0.0.1:1", origin: "http://10.0.0.1:1" }, {}, true],
    [{ host: "10.0.0.1:1", origin: "http://10.0.0.1:2" }, {}, false],
    [{ host: "10.0.0.1:1", origin: "http://localhost:1" }, {}, false],
    [{ host: "x.example", origin: "https://x.example" }, { hosts: ["x.example"] }, true],
    [
      { host: "localhost", origin: "https://app.example" },
      { origins: ["https://app.example"] },
      true,
    ],
    [
      { host: "localhost", origin: "http://app.example" },
      { origins: ["https://app.example"] },
      false,
    ],
    [{ host: "localhost", origin: "https://evil.example" }, { token: TOKEN }, false],
  ])("%p with %p: %p", (headers, rules, admitted) => {
    const admission = createAdmission({ ...OPEN, ...rules });
    const asked = request(headers);
    expect(admission.refuse(asked)?.status).toBe(admitted ? undefined : 403);
    const granted = admission.corsFor(asked)["access-control-allow-origin"];
    expect(granted).toBe(admitted ? headers["origin"] : undefined);
  });

  test("a refusal says what to set", async () => {
    const refused = createAdmission(OPEN).refuse(request({ host: "my.example:8080" }));
    expect(await refused?.json()).toMatchObject({
      error: { message: expect.stringContaining("sets ALLOWED_HOSTS=my.example") },
    });
  });

  test("all headers of MCP may be sent, and no others", () => {
    const admission = createAdmission(OPEN);
    const { headers } = admission.preflight(
      request({
        host: "localhost",
        origin: "http://localhost:1",
        "access-control-request-headers": "Mcp-Param-Region, X-Evil",
      }),
    );
    expect(headers.get("access-control-allow-headers")).toMatch(
      /mcp-session-id, mcp-param-region$/,
    );
    expect(headers.get("vary")).toBe("Origin");
  });
});

describe("the token", () => {
  test.each([
    [undefined, 401, "Bearer"],
    ["", 401, "Bearer"],
    [TOKEN, 401, "Bearer"],
    [`Basic ${TOKEN}`, 401, "Bearer"],
    ["Bearer wrong", 401, 'Bearer error="invalid_token"'],
    [`Bearer ${TOKEN}x`, 401, 'Bearer error="invalid_token"'],
    [`Bearer ${TOKEN.slice(1)}`, 401, 'Bearer error="invalid_token"'],
    [`Bearer ${TOKEN}`, 200, undefined],
    [`bearer  ${TOKEN}`, 200, undefined],
  ])("Authorization: %p", async (authorization, status, challenge) => {
    const admission = createAdmission({ ...OPEN, token: TOKEN });
    const result = admission.identify(
      request(authorization === undefined ? {} : { authorization }),
    );
    if (typeof result === "string") {
      expect(status).toBe(200);
    } else {
      expect(result.status).toBe(status);
      expect(result.headers.get("www-authenticate")).toBe(challenge ?? null);
      expect(await result.text()).not.toContain(TOKEN);
    }
  });

  test("without one, everybody is the same", () => {
    expect(createAdmission(OPEN).identify(request({}))).toBe("anybody");
  });
});

function request(headers: Headers): Request {
  return new Request("http://placeholder/mcp", { method: "POST", headers });
}
