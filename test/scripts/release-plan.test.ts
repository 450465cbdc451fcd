import { describe, expect, test } from "bun:test";
import { occasionOf, refuseTaken, tagsFor, tagsIn } from "../../scripts/release/plan.ts";
import { startDockerRegistry } from "../support/docker-registry.ts";
import { buildImage } from "../support/image-builder.ts";
import { needs } from "../support/requirements.ts";

const LATEST = { name: "latest", immutable: false };
const STABLE = { name: "latest-stable", immutable: false };

describe("tagsFor", () => {
  test("a push to main moves latest, and nothing else", () => {
    expect(tagsFor({ kind: "main" }, "1.2.3")).toEqual([LATEST]);
  });

  test("a release makes its version, once, and moves latest-stable, but not latest", () => {
    const exact = { name: "v1.2.3", immutable: true };
    expect(tagsFor({ kind: "release", tag: "v1.2.3" }, "1.2.3")).toEqual([exact, STABLE]);
  });

  test("a release candidate leaves latest-stable alone", () => {
    const exact = { name: "v1.2.3-rc.1", immutable: true };
    expect(tagsFor({ kind: "release", tag: "v1.2.3-rc.1" }, "1.2.3-rc.1")).toEqual([exact]);
  });

  const bad = [
    "latest",
    "latest-stable",
    "1.2.3",
    "v1.2",
    "v01.2.3",
    "v1.2.3+build",
    "v1.2.3\n",
    "",
  ];
  test.each(bad)("refuses %j as a version", (tag) => {
    expect(() => tagsFor({ kind: "release", tag }, "1.2.3")).toThrow("is no version tag");
  });

  test("refuses a release that package.json does not know of", () => {
    expect(() => tagsFor({ kind: "release", tag: "v1.2.4" }, "1.2.3")).toThrow(
      "the release is v1.2.4, but package.json has version 1.2.3",
    );
  });
});

describe("occasionOf", () => {
  const cases = [
    ["push", "refs/heads/main", { kind: "main" }],
    ["schedule", "refs/heads/main", { kind: "main" }],
    ["release", "refs/tags/v1.2.3", { kind: "release", tag: "v1.2.3" }],
    ["push", "refs/tags/v1.2.3", undefined],
    ["push", "refs/heads/other", undefined],
    ["pull_request", "refs/heads/main", undefined],
    ["release", "refs/heads/main", undefined],
    [undefined, undefined, undefined],
  ] as const;

  test.each(cases)("%s of %s", (GITHUB_EVENT_NAME, GITHUB_REF, expected) => {
    const occasion = () => occasionOf({ GITHUB_EVENT_NAME, GITHUB_REF });
    if (expected === undefined) expect(occasion).toThrow("nothing is published for the event");
    else expect(occasion()).toEqual(expected);
  });
});

const withRegistry = needs("docker-registry", "crane");
const image = buildImage({ layers: [[]] });

describe("latest-stable", () => {
  const given = async (published: readonly string[], tag: string) => {
    await using registry = await startDockerRegistry();
    for (const name of published) await registry.push(name, image);
    const repositories = [`${registry.host}/first`, `${registry.host}/second`];
    const tags = await tagsIn(repositories, { kind: "release", tag }, tag.slice(1));
    return tags.map(({ name }) => name);
  };

  const cases = [
    ["where nothing is published", [], "v1.2.3", true],
    ["when the release is newer", ["first:v1.2.3", "second:v1.2.3"], "v1.10.0", true],
    ["when the same release goes on", ["first:v1.2.3"], "v1.2.3", true],
    ["over a candidate of the next", ["first:v1.3.0-rc.1", "first:latest"], "v1.2.4", true],
    ["for an older line", ["second:v2.0.0"], "v1.2.4", false],
    ["for an old release that runs again", ["first:v1.2.3", "first:v1.2.4"], "v1.2.3", false],
  ] as const;

  for (const [what, published, tag, moves] of cases) {
    withRegistry(`${moves ? "moves" : "stays"} ${what}`, async () => {
      const expected = moves ? [tag, "latest-stable"] : [tag];
      expect(await given(published, tag)).toEqual(expected);
    });
  }

  withRegistry("stays when a registry does not tell what it has", async () => {
    const refused = tagsIn(["127.0.0.1:1/first"], { kind: "release", tag: "v1.2.3" }, "1.2.3");
    await expect(refused).rejects.toThrow("cannot tell which versions 127.0.0.1:1/first has");
  });
});

describe("refuseTaken", () => {
  const tags = [{ name: "v1.2.3", immutable: true }, STABLE];
  const OTHER = `sha256:${"ab".repeat(32)}`;

  withRegistry("lets a version pass that no registry has, and tags that move", async () => {
    await using registry = await startDockerRegistry();
    await registry.push("runner:latest-stable", image);
    const repositories = [`${registry.host}/runner`, `${registry.host}/not/there/yet`];
    expect(await refuseTaken(repositories, tags, OTHER)).toBeUndefined();
  });

  withRegistry("stops when one of two registries has the version", async () => {
    await using registry = await startDockerRegistry();
    await registry.push("second:v1.2.3", image);
    const repositories = [`${registry.host}/first`, `${registry.host}/second`];
    await expect(refuseTaken(repositories, tags, OTHER)).rejects.toThrow("second:v1.2.3 is taken");
    // What an earlier run of the same release has left.
    expect(await refuseTaken(repositories, tags, image.root.digest)).toBeUndefined();
  });

  withRegistry("stops when the registry does not tell", async () => {
    const account = { username: "me", password: "secret" };
    await using registry = await startDockerRegistry({ account });
    const refused = refuseTaken([`${registry.host}/runner`], tags, OTHER);
    await expect(refused).rejects.toThrow("cannot tell whether");
    const gone = `${registry.host.replace(/\d+$/, "1")}/runner`;
    await expect(refuseTaken([gone], tags, OTHER)).rejects.toThrow("cannot tell whether");
  });
});
