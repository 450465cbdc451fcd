import { expect } from "bun:test";
import { buildImage } from "../../scripts/release/image.ts";
import { onStandIns } from "../../scripts/release/stand-in.ts";
import { needsThat } from "../support/requirements.ts";
import { needsContainers } from "../support/runner-image.ts";
import { tempDir } from "../support/temp-dir.ts";

const BUILDS_MS = 600_000;
const SOURCE = { commit: "89abcdef0123456789abcdef0123456789abcdef", createdAt: 1_700_000_000 };
const PLATFORM = "linux/amd64";

const inCi =
  process.env["CI"] === "true"
    ? needsContainers()
    : needsThat(false, "left to CI: it builds two images");

inCi(
  "an image that is built twice, base and all, is the same bytes",
  async () => {
    expect(await buildOnce()).toEqual(await buildOnce());
  },
  BUILDS_MS,
);

async function buildOnce() {
  using directory = tempDir();
  const base = (await onStandIns(directory.path, [PLATFORM], SOURCE.createdAt)).get(PLATFORM);
  if (base === undefined) throw new Error("there is no stand-in");
  return buildImage(directory.file("layout"), PLATFORM, SOURCE, base);
}
