// The registries of those who sell computers by the hour, by their own names and with their habits. They live in this
// process, behind a proxy that leads their names here.

import { describe } from "bun:test";
import {
  forAccount,
  forAll,
  forIdentity,
  IDENTITY,
  isPost,
  known,
  OWNER,
  STORED,
  WITH_TOKEN,
} from "../../support/known-registries.ts";
import { ACCOUNT, holdRows } from "../../support/misbehaviour-row.ts";
import {
  at,
  challenge,
  header,
  later,
  refuses,
  says,
  status,
  when,
} from "../../support/misbehaviours.ts";

describe("Amazon's private registry", () => {
  const names = known(
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
    "bucket.s3.eu-west-1.amazonaws.com",
  );
  const credentials = { username: "AWS", password: ACCOUNT.password };
  holdRows(
    [
      { title: "takes Basic access", story: ["manifest 401", "manifest 200", ...STORED] },
      {
        title: "does not say a manifest's digest",
        faults: at("manifest", later(header("docker-content-digest", undefined))),
      },
      {
        title: "forbids when the password has run out",
        faults: at("manifest", later(refuses(403, "DENIED"))),
        refused: ["REGISTRY_DENIED", "it says: refused: DENIED"],
        story: ["manifest 401", "manifest 403"],
      },
    ],
    {
      names,
      credentials,
      registry: { access: { scheme: "basic", account: credentials }, usesStorage: true },
    },
  );
});

describe("Amazon's public registry", () => {
  const names = known("public.ecr.aws", "d5l0dvt14r5h8.cloudfront.net");
  const registry = { ...forAll, usesStorage: true, realm: "https://public.ecr.aws/token/" };
  const noHead = when(({ method }) => method === "HEAD", status(401));
  holdRows(
    [
      {
        title: "refuses a HEAD of a blob, which nobody sends",
        faults: [...at("config", noHead), ...at("blob", noHead)],
        story: WITH_TOKEN,
      },
    ],
    { names, registry },
  );
});

describe("Google's registries", () => {
  const names = known("europe-docker.pkg.dev", "storage.googleapis.com");
  const registry = {
    ...forAll,
    usesStorage: true,
    realm: "https://europe-docker.pkg.dev/v2/token",
  };
  const key = { username: "_json_key", password: '{"private_key": "canary\\n"}' };
  holdRows(
    [
      {
        title: "take a whole JSON document as the password",
        registry: { access: { scheme: "bearer", account: key } },
        credentials: key,
        story: WITH_TOKEN,
      },
      {
        title: "answer 404 to POST, and are asked by GET",
        registry: forIdentity,
        credentials: IDENTITY,
        faults: at("token", when(isPost, status(404))),
        story: ["manifest 401", "token 404", ...WITH_TOKEN.slice(1)],
      },
      {
        title: "forbid what is not there, in a web page",
        faults: at("manifest", later(says(403, "<html>Forbidden"))),
        refused: ["REGISTRY_DENIED", OWNER],
      },
    ],
    { names, registry },
  );
});

describe("Azure's registries", () => {
  const names = known("team.azurecr.io", "weumanaged.blob.core.windows.net");
  const noPost = at("token", when(isPost, status(400)));
  holdRows(
    [
      {
        title: "take an identity token by POST",
        registry: forIdentity,
        credentials: IDENTITY,
        story: WITH_TOKEN,
      },
      {
        title: "are asked by GET where they refuse it with 400",
        registry: forIdentity,
        credentials: IDENTITY,
        faults: noPost,
        story: ["manifest 401", "token 400", ...WITH_TOKEN.slice(1)],
      },
      {
        title: "are not shown a password by POST",
        registry: forAccount,
        credentials: ACCOUNT,
        faults: noPost,
        story: WITH_TOKEN,
      },
    ],
    { names, registry: { usesStorage: true, realm: "https://team.azurecr.io/oauth2/token" } },
  );
});

describe("Hugging Face's registry", () => {
  const names = known("registry.hf.space", "cdn.hf.space");
  const again = challenge(
    'Bearer realm="https://registry.hf.space/token",service="a registry, for tests"',
  );
  holdRows(
    [
      {
        title: "hands out a token and refuses it",
        faults: at("manifest", later(again)),
        refused: [
          "REGISTRY_DENIED",
          "registry.hf.space does not accept the given username and password for org/app",
        ],
        story: ["manifest 401", "token 200", "manifest 401"],
      },
    ],
    { names, registry: forAccount, credentials: ACCOUNT },
  );
});
