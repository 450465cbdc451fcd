import { describe, expect, test } from "bun:test";
import { blockedPort } from "../../src/stages/platform-ports.ts";

const SPACE = { SPACE_ID: "owner/space" };
const ONLY = "is out of reach: this is a Hugging Face Space";

describe("from a Hugging Face Space", () => {
  test.each(["https://ghcr.io/", "http://registry.test/", "https://registry.test:8080/"])(
    "%s can be reached",
    (url) => expect(blockedPort(new URL(url), SPACE)).toBeUndefined(),
  );

  test.each([
    ["https://registry.test:5000/", "registry.test:5000"],
    ["http://[2001:db8::1]:8443/", "[2001:db8::1]:8443"],
  ])("%s cannot", (url, name) => {
    expect(blockedPort(new URL(url), SPACE)).toBe(
      `${name} ${ONLY}, from which only ports 80, 443 and 8080 can be reached`,
    );
  });

  test("its own programs can be reached at any port", () => {
    expect(blockedPort(new URL("http://127.0.0.1:5000/"), SPACE)).toBeUndefined();
  });

  test("the port that counts is a proxy's, where there is one", () => {
    const url = new URL("https://registry.test:5000/");
    const through = (HTTPS_PROXY: string) => blockedPort(url, { ...SPACE, HTTPS_PROXY });
    expect(through("http://proxy.test:8080")).toBeUndefined();
    expect(through("http://me:canary@proxy.test:3128")).toStartWith(`proxy.test:3128 ${ONLY}`);
  });
});

test("elsewhere nothing is known to be blocked", () => {
  expect(blockedPort(new URL("https://registry.test:5000/"), {})).toBeUndefined();
});
