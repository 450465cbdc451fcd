import { describe, expect, test } from "bun:test";
import { provenance, alpineBase, githubBuilder } from "../../scripts/release/provenance.ts";
import { sourceState } from "../../scripts/release/source.ts";
import { needs } from "../support/requirements.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const DIGEST = `sha256:${"ab".repeat(32)}`;

describe("the time of a release", () => {
  needs("git")("is SOURCE_DATE_EPOCH where that is set, otherwise the commit's own", async () => {
    expect((await sourceState("1700000000")).createdAt).toBe(1_700_000_000);
    const { commit, createdAt } = await sourceState("");
    const git = Bun.spawnSync(["git", "show", "--no-patch", "--format=%ct", commit], {
      cwd: import.meta.dir,
    });
    expect(git.stdout.toString().trim()).toBe(String(createdAt));
  });

  test.each(["yesterday", "-1", "1e9", "1.5", " 1"])("is not %j", async (epoch) => {
    await expect(sourceState(epoch)).rejects.toThrow("SOURCE_DATE_EPOCH is no number of seconds");
  });
});

describe("provenance", () => {
  const environment = {
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_REPOSITORY: "drengskapur/fastmcp-runner",
    GITHUB_WORKFLOW_REF: "drengskapur/fastmcp-runner/.github/workflows/release.yml@refs/heads/main",
    GITHUB_REF: "refs/heads/main",
    GITHUB_RUN_ID: "12",
    GITHUB_RUN_ATTEMPT: "3",
  };

  test("names the workflow, its run, the commit, each base once, and Bun", () => {
    const builder = githubBuilder(environment);
    if (builder === undefined) throw new Error("this is GitHub's environment");
    const base = { name: "docker.io/library/alpine", digest: DIGEST };
    const source = { commit: COMMIT, createdAt: 0 };
    expect(provenance(source, builder, [base, base])).toMatchObject({
      buildDefinition: {
        externalParameters: { commit: COMMIT },
        resolvedDependencies: [
          {
            uri: "git+https://github.com/drengskapur/fastmcp-runner@refs/heads/main",
            digest: { gitCommit: COMMIT },
          },
          { uri: "docker://docker.io/library/alpine", digest: { sha256: "ab".repeat(32) } },
          { uri: expect.stringMatching(/^pkg:npm\/bun@\d/) as never },
        ],
      },
      runDetails: {
        builder: {
          id: "https://github.com/drengskapur/fastmcp-runner/.github/workflows/release.yml@refs/heads/main",
        },
        metadata: {
          invocationId: "https://github.com/drengskapur/fastmcp-runner/actions/runs/12/attempts/3",
        },
      },
    });
  });

  test.each(Object.keys(environment))("knows no builder without %s", (name) => {
    expect(githubBuilder({ ...environment, [name]: "" })).toBeUndefined();
  });

  test("takes the base from the Dockerfile, and only one with a digest", () => {
    expect(alpineBase().digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(alpineBase(`ARG BASE=a/b@${DIGEST}\n`)).toEqual({ name: "a/b", digest: DIGEST });
    expect(() => alpineBase("ARG BASE=docker.io/library/alpine:3.23\n")).toThrow("by its digest");
  });
});
