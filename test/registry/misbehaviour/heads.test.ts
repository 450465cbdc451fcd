// What an image's name stands for today, asked with one HEAD, which registries refuse, answer in part, or lie about.

import { describe, expect, test } from "bun:test";
import { digestOf, type Digest } from "../../../src/oci/digest.ts";
import { expectRefused } from "../../support/expect-refused.ts";
import { ACCOUNT, IMAGE, startRegistry, type Row } from "../../support/misbehaviour-row.ts";
import {
  at,
  breaks,
  header,
  json,
  later,
  redirect,
  refuses,
  status,
  when,
} from "../../support/misbehaviours.ts";
import type { Misbehaviour } from "../../support/misbehaving-registry.ts";
import { openBuiltin } from "../../support/pull-from.ts";

const OTHER = digestOf(Buffer.from("another"));
const forAccount = {
  registry: { access: { scheme: "bearer", account: ACCOUNT } },
  credentials: ACCOUNT,
} as const;
const atHead = (does: Misbehaviour, times?: number) =>
  at(
    "manifest",
    when(({ method }) => method === "HEAD", does),
    times,
  );

interface HeadRow extends Row {
  /** What comes of it; the image's own digest by default. */
  readonly tells?: { readonly digest: Digest | undefined };
}

const ROWS: readonly HeadRow[] = [
  { title: "is told at once", story: ["manifest 200"] },
  {
    title: "is told for a token",
    ...forAccount,
    story: ["manifest 401", "token 200", "manifest 200"],
  },
  {
    title: "is not known where there is no header",
    faults: atHead(header("docker-content-digest", undefined)),
    tells: { digest: undefined },
    story: ["manifest 200"],
  },
  {
    title: "is not known where the header is no digest",
    faults: atHead(header("docker-content-digest", "sha256:../../x")),
    tells: { digest: undefined },
    story: ["manifest 200"],
  },
  {
    title: "is not known where the header has another digest's name",
    faults: atHead(header("docker-content-digest", "md5:00")),
    tells: { digest: undefined },
    story: ["manifest 200"],
  },
  {
    title: "may be a lie, which is only a hint",
    faults: atHead(header("docker-content-digest", OTHER)),
    tells: { digest: OTHER },
    story: ["manifest 200"],
  },
  ...[400, 403, 404, 405, 501].map((code) => ({
    title: `comes of a GET where a HEAD is answered with ${code}`,
    faults: atHead(status(code)),
    story: [`manifest ${code}`, "manifest 200"],
  })),
  {
    title: "comes of a GET where a HEAD is forbidden though it has a token",
    ...forAccount,
    faults: atHead(later(status(403))),
    story: ["manifest 401", "token 200", "manifest 403", "manifest 200"],
  },
  {
    title: "is refused in the words of the GET",
    faults: at("manifest", refuses(403, "DENIED")),
    refused: ["REGISTRY_DENIED", "it says: refused: DENIED"],
    story: ["manifest 403", "manifest 403"],
  },
  {
    title: "is asked for again in times of trouble",
    faults: atHead(status(503), 2),
    story: ["manifest 503", "manifest 503", "manifest 200"],
  },
  {
    title: "is asked for again when the connection breaks",
    faults: atHead(breaks("reset", "nothing"), 2),
  },
  {
    title: "is not told while there are limits",
    faults: at("manifest", refuses(429, "TOOMANYREQUESTS", { "retry-after": "3600" })),
    refused: ["REGISTRY_LIMITED", "1 hour"],
    story: ["manifest 429"],
  },
  {
    title: "is told by another host without a token",
    ...forAccount,
    faults: [
      ...at("manifest", later(redirect("http://STRANGER/x"))),
      ...at("stranger", header("docker-content-digest", OTHER)),
    ],
    tells: { digest: OTHER },
    story: ["manifest 401", "token 200", "manifest 307", "stranger 200"],
  },
  {
    title: "is not looked for at a cloud's metadata",
    faults: at("manifest", redirect("http://169.254.169.254/")),
    refused: ["REGISTRY_REDIRECT_REFUSED", "not a public address"],
  },
  {
    title: "is refused when the token is no token",
    ...forAccount,
    faults: at("token", json({})),
    refused: ["REGISTRY_RESPONSE_INVALID", "without a usable token"],
  },
  {
    title: "is not told by a host that is silent",
    stallMs: 150,
    faults: at("manifest", breaks("hang", "nothing")),
    refused: ["REGISTRY_UNREACHABLE", "silent for"],
  },
];

describe("what a name stands for", () => {
  test.each(ROWS.map((row) => [row.title, row] as const))("%s", async (_, row) => {
    await using registry = await startRegistry(row);
    const { credentials, stallMs, refused, story } = row;
    const client = openBuiltin(`${registry.host}/org/app:1`, { credentials, stallMs });
    const digest = client.digest();
    if (refused !== undefined) await expectRefused(digest, refused[0], refused[1]);
    else expect(await digest).toBe(row.tells === undefined ? IMAGE.root.digest : row.tells.digest);
    if (story !== undefined) expect(registry.story).toEqual([...story]);
  });

  test("is not asked where the name holds it", async () => {
    await using registry = await startRegistry({ title: "" });
    const client = openBuiltin(`${registry.host}/org/app@${IMAGE.root.digest}`, {});
    expect(await client.digest()).toBe(IMAGE.root.digest);
    expect(registry.story).toEqual([]);
  });
});
