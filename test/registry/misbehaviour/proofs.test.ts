// Proofs that are wanted at the wrong moment or in the wrong way. The registry fails each test in which a secret reaches
// a host that is not its own.

import { describe, expect, test } from "bun:test";
import { buildImage } from "../../support/image-builder.ts";
import { type Misbehaviour } from "../../support/misbehaving-registry.ts";
import {
  ACCOUNT,
  holdRows,
  OWN_CHALLENGE as OWN,
  startRegistry,
} from "../../support/misbehaviour-row.ts";
import { at, breaks, challenge, status } from "../../support/misbehaviours.ts";
import { pullFrom } from "../../support/pull-from.ts";

const forAll = { access: { scheme: "bearer" } } as const;
const forAccount = { access: { scheme: "bearer", account: ACCOUNT } } as const;
const basicAccess = { access: { scheme: "basic", account: ACCOUNT } } as const;
const WRONG = { ...ACCOUNT, password: "canary-wrong" };

describe("401", () => {
  holdRows([
    {
      title: "at the manifest, for anybody",
      registry: forAll,
      story: ["manifest 401", "token 200", "manifest 200", "config 200", "blob 200"],
    },
    { title: "at the manifest, for an account", registry: forAccount, credentials: ACCOUNT },
    {
      title: "at the manifest, with Basic",
      registry: basicAccess,
      credentials: ACCOUNT,
      story: ["manifest 401", "manifest 200", "config 200", "blob 200"],
    },
    {
      title: "at the manifest, without an account",
      registry: basicAccess,
      refused: ["REGISTRY_DENIED", "no username and password were given"],
      story: ["manifest 401"],
    },
    {
      title: "at the manifest, with a wrong password",
      registry: basicAccess,
      credentials: WRONG,
      refused: ["REGISTRY_DENIED", "does not accept the given username and password"],
      story: ["manifest 401", "manifest 401"],
    },
    {
      title: "at the token service, with a wrong password",
      registry: forAccount,
      credentials: WRONG,
      refused: ["REGISTRY_DENIED", "does not accept the given username and password"],
      story: ["manifest 401", "token 401"],
    },
    {
      title: "at the manifest, whatever the token",
      registry: forAll,
      faults: at("manifest", challenge(OWN)),
      refused: ["REGISTRY_DENIED", "no username and password were given"],
      story: ["manifest 401", "token 200", "manifest 401"],
    },
    {
      title: "at the config once, as its token has expired",
      registry: forAll,
      faults: at("config", challenge(OWN), 1),
      story: [
        "manifest 401",
        "token 200",
        "manifest 200",
        "config 401",
        "token 200",
        "config 200",
        "blob 200",
      ],
    },
    {
      title: "at the config, whatever the token",
      registry: forAll,
      faults: at("config", challenge(OWN)),
      refused: ["REGISTRY_DENIED", "no username and password were given"],
      story: ["manifest 401", "token 200", "manifest 200", "config 401", "token 200", "config 401"],
    },
    {
      title: "at the blob once, as its token has expired",
      registry: forAccount,
      credentials: ACCOUNT,
      faults: at("blob", challenge(OWN), 1),
    },
    {
      title: "at the blob, whatever the token",
      registry: forAll,
      faults: at("blob", challenge(OWN)),
      refused: ["REGISTRY_DENIED", "no username and password were given"],
    },
    {
      title: "at the blob once, with Basic",
      registry: basicAccess,
      credentials: ACCOUNT,
      faults: at("blob", challenge("Basic realm=x"), 1),
    },
    {
      title: "at the rest of a blob, whose token has expired in the middle",
      registry: forAll,
      faults: [
        { at: "blob", does: breaks("close", 1000), times: 1 },
        { at: "blob", does: challenge(OWN), after: 1, times: 1 },
      ],
      story: [
        "manifest 401",
        "token 200",
        "manifest 200",
        "config 200",
        "blob 200",
        "blob 401",
        "token 200",
        "blob 206",
      ],
    },
    {
      title: "at the storage, which asks for a token",
      registry: { ...forAccount, usesStorage: true },
      credentials: ACCOUNT,
      faults: at("storage", challenge(OWN, "Basic realm=x")),
      refused: ["REGISTRY_RESPONSE_INVALID", "STORAGE, where"],
    },
    {
      title: "without a challenge",
      faults: at("manifest", status(401)),
      credentials: ACCOUNT,
      refused: ["REGISTRY_DENIED", "does not accept the given username and password"],
      story: ["manifest 401"],
    },
    {
      title: "in a way that nobody knows",
      faults: at("manifest", challenge("Negotiate", 'Digest realm="x", nonce="y"')),
      credentials: ACCOUNT,
      refused: ["REGISTRY_DENIED", "does not accept the given username and password"],
      story: ["manifest 401"],
    },
    {
      title: "in one header with other ways",
      registry: forAll,
      faults: at("manifest", challenge(`Negotiate, Basic realm="a, Bearer b", ${OWN}`), 1),
    },
    {
      title: "in several headers, the worse way first",
      registry: forAll,
      faults: at("manifest", challenge("Negotiate", 'Basic realm="x"', OWN), 1),
      credentials: ACCOUNT,
      refused: ["REGISTRY_DENIED", "does not accept the given username and password"],
    },
    {
      title: "in other letters",
      registry: forAll,
      faults: at(
        "manifest",
        challenge(
          OWN.replace("Bearer", "bEARER").replace("realm", "REALM").replace("service", "Service"),
        ),
        1,
      ),
    },
    {
      title: "with a broken challenge",
      faults: at("manifest", challenge('Bearer realm="http://HOST/token')),
      refused: ["REGISTRY_RESPONSE_INVALID", "no address"],
    },
  ]);

  test("of several blobs at once, whose token has expired, is answered with one new token", async () => {
    const layers = ["a", "b", "c", "d"].map((path) => [{ path, content: path.repeat(2000) }]);
    let expire = () => {};
    const expiring: Misbehaviour = (answer) => {
      expire();
      return answer;
    };
    await using registry = await startRegistry(
      { title: "", registry: forAll, faults: at("config", expiring) },
      buildImage({ layers }),
    );
    expire = registry.expireTokens;
    const tree = await pullFrom(`${registry.host}/org/app:1`);
    expect(Object.keys(tree)).toEqual([".", "a", "b", "c", "d"]);
    expect(registry.story.filter((line) => line === "token 200")).toHaveLength(2);
  });
});
