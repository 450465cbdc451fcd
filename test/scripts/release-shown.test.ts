import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { IDENTITY } from "../../scripts/release/cosign.ts";
import { REPOSITORIES } from "../../scripts/release/plan.ts";
import { shownCommands } from "../../scripts/release/shown.ts";

const WORKFLOW = join(import.meta.dir, "../../.github/workflows/release.yml");
const IDENTITY_OPTIONS = Object.entries(IDENTITY).map(([name, value]) => `--${name}=${value}`);

describe("the README's commands", () => {
  test("ask for the signature, the SBOM and the provenance, by the identity that signs", () => {
    expect(shownCommands()).toEqual(
      [
        ["verify"],
        ["verify-attestation", "--type", "spdx"],
        ["verify-attestation", "--type", "slsaprovenance1"],
      ].map((asked) => ({
        options: [...asked, ...IDENTITY_OPTIONS],
        image: `${REPOSITORIES[0]}:latest`,
      })),
    );
  });

  test("are words, quoted or not", () => {
    const readme = "Text cosign verify x\n\ncosign verify \\\n  --key='a b(c|d)$' image\n";
    expect(shownCommands(readme)).toEqual([
      { options: ["verify", "--key=a b(c|d)$"], image: "image" },
    ]);
    for (const bad of ["cosign verify $(id)", 'cosign verify "x"', "cosign verify a | b"]) {
      expect(() => shownCommands(`${bad}\n`)).toThrow("is not plain");
    }
  });
});

// https://docs.github.com/en/actions/reference/security/oidc: the certificate names the workflow and the ref it ran on.
describe("the identity whose signatures count", () => {
  const identity = new RegExp(IDENTITY["certificate-identity-regexp"]);
  const workflow = "https://github.com/drengskapur/fastmcp-runner/.github/workflows/release.yml";

  test.each(["refs/heads/main", "refs/tags/v1.2.3", "refs/tags/v1.2.3-rc.1"])("is %s's", (ref) => {
    expect(`${workflow}@${ref}`).toMatch(identity);
  });

  const others = [
    `${workflow}@refs/heads/other`,
    `${workflow}@refs/heads/main2`,
    `${workflow}@refs/pull/1/merge`,
    `${workflow}@refs/tags/latest`,
    `x${workflow}@refs/heads/main`,
    `${workflow.replace("release.yml", "ci.yml")}@refs/heads/main`,
    `${workflow.replace("release.yml", "releasexyml")}@refs/heads/main`,
    `${workflow.replace("fastmcp-runner", "fastmcp-runner-2")}@refs/heads/main`,
    `${workflow.replace("drengskapur", "somebody")}@refs/heads/main`,
    `${workflow.replace("github.com", "github-com")}@refs/heads/main`,
  ];
  test.each(others)("is not %s", (other) => {
    expect(other).not.toMatch(identity);
  });

  test("is that of the workflow whose jobs publish", () => {
    const jobs = readFileSync(WORKFLOW, "utf8");
    for (const script of ["publish-image.ts", "publish-files.ts"]) {
      expect(jobs).toContain(`bun scripts/release/${script}`);
    }
  });
});
