// The registries that people use, by their own names and with the habits that each is known for. They live in this
// process, behind a proxy that leads their names here.

import { describe } from "bun:test";
import {
  ACCOUNT,
  holdRows,
  IMAGE,
  type PublicNames,
  type Row,
} from "../../support/misbehaviour-row.ts";
import {
  at,
  both,
  challenge,
  header,
  later,
  redirect,
  refuses,
  says,
  status,
  when,
} from "../../support/misbehaviours.ts";

const IDENTITY = { identityToken: "canary-identity" };
const forAll = { access: { scheme: "bearer" } } as const;
const forAccount = { access: { scheme: "bearer", account: ACCOUNT } } as const;
const forIdentity = { ...forAll, identityToken: IDENTITY.identityToken } as const;
const STORED = ["config 307", "storage 200", "blob 307", "storage 200"];
const WITH_TOKEN = ["manifest 401", "token 200", "manifest 200", ...STORED];
const OWNER = "private or does not exist";
const isPost = ({ method }: { readonly method: string }) => method === "POST";

/** A registry that keeps its blobs elsewhere. Its tokens come from itself, unless another host is named. */
function known(registry: string, storage: string, more: Partial<PublicNames> = {}): PublicNames {
  return { registry, storage, stranger: "stranger.example", ...more };
}

describe("Docker Hub", () => {
  const names = known("registry-1.docker.io", "production.cloudflare.docker.com", {
    token: "auth.docker.io",
    stranger: "auth.docker.io.example",
  });
  const registry = { ...forAll, realm: "https://auth.docker.io/token", usesStorage: true };
  const limit = { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600" };
  const image = "org/app:1";
  holdRows(
    [
      { title: "is there without a name", story: WITH_TOKEN },
      { title: "is there as docker.io", image: "docker.io/org/app:1", story: WITH_TOKEN },
      {
        title: "is there as index.docker.io",
        image: "index.docker.io/org/app:1",
        story: WITH_TOKEN,
      },
      { title: "is there as itself", image: "registry-1.docker.io/org/app:1", story: WITH_TOKEN },
      {
        title: "has the images of nobody below library",
        image: "app:1",
        registry: { ...registry, images: { "library/app:1": IMAGE } },
        story: WITH_TOKEN,
      },
      {
        title: "shows the password to its token service alone",
        registry: { ...registry, ...forAccount },
        credentials: ACCOUNT,
        story: WITH_TOKEN,
      },
      {
        title: "does not have the password sent to a host that is named like it",
        credentials: ACCOUNT,
        faults: [
          ...at("manifest", challenge('Bearer realm="https://STRANGER/token"')),
          ...at("stranger", says(200, '{"token":"public"}')),
        ],
        refused: ["REGISTRY_DENIED", "STRANGER, which does not belong to it"],
        story: ["manifest 401", "stranger 200", "manifest 401"],
      },
      {
        title: "tells how often one may pull",
        faults: at("manifest", refuses(429, "TOOMANYREQUESTS", limit)),
        refused: ["REGISTRY_LIMITED", "100 pulls in 6 hours"],
      },
    ],
    { names, image, registry },
  );
});

describe("GitHub's registry", () => {
  const names = known("ghcr.io", "pkg-containers.githubusercontent.com");
  holdRows(
    [
      { title: "wants a token for what is public", story: WITH_TOKEN },
      {
        title: "takes a personal token as the password",
        registry: forAccount,
        credentials: ACCOUNT,
        story: WITH_TOKEN,
      },
      {
        title: "forbids at its token service what is private or missing",
        faults: at("token", refuses(403, "DENIED")),
        refused: ["REGISTRY_DENIED", OWNER],
        story: ["manifest 401", "token 403"],
      },
      {
        title: "forbids at the manifest what is private or missing",
        faults: at("manifest", later(refuses(403, "DENIED"))),
        refused: ["REGISTRY_DENIED", OWNER],
        story: ["manifest 401", "token 200", "manifest 403"],
      },
    ],
    { names, registry: { ...forAll, usesStorage: true } },
  );
});

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

describe("Quay", () => {
  const names = known("quay.io", "cdn01.quay.io");
  holdRows(
    [
      { title: "hands tokens to anybody", story: WITH_TOKEN },
      {
        title: "has a web page for what is not there",
        faults: at("manifest", later(says(404, "<!doctype html>"))),
        refused: ["IMAGE_NOT_FOUND", "quay.io has no image org/app:1"],
      },
    ],
    { names, registry: { ...forAll, usesStorage: true, realm: "https://quay.io/v2/auth" } },
  );
});

describe("GitLab's registry", () => {
  const names = known("registry.gitlab.com", "cdn.registry.gitlab-static.net", {
    token: "gitlab.com",
  });
  const realm = "https://gitlab.com/jwt/auth";
  const expired = challenge(
    `Bearer realm="${realm}",service="a registry, for tests",scope="repository:org/app:pull"`,
  );
  holdRows(
    [
      {
        title: "has its token service on the host above, which sees the password",
        story: WITH_TOKEN,
      },
      {
        title: "takes its tokens back after five minutes, in the middle of a pull",
        faults: at("blob", expired, 1),
        story: [...WITH_TOKEN.slice(0, 5), "blob 401", "token 200", "blob 307", "storage 200"],
      },
    ],
    { names, credentials: ACCOUNT, registry: { ...forAccount, usesStorage: true, realm } },
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

describe("Artifactory", () => {
  const names = known("artifactory.example.com", "artifactory.s3.example");
  const realm = "https://artifactory.example.com/artifactory/api/docker/local/v2/token";
  holdRows(
    [
      ...[401, 405].map((code) => ({
        title: `is asked by GET where it refuses an identity token by POST with ${code}`,
        registry: forIdentity,
        credentials: IDENTITY,
        faults: at("token", when(isPost, status(code))),
        story: ["manifest 401", `token ${code}`, ...WITH_TOKEN.slice(1)],
      })),
      {
        title: "keeps images below the name of a store",
        image: "artifactory.example.com/local/org/app:1",
        registry: { images: { "local/org/app:1": IMAGE } },
        story: WITH_TOKEN,
      },
    ],
    { names, registry: { ...forAll, usesStorage: true, realm } },
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

describe("a registry that is nothing but files", () => {
  const names = known("images.example.org", "files.example.org");
  const untyped = both(
    header("content-type", "binary/octet-stream"),
    header("docker-content-digest", undefined),
  );
  holdRows(
    [
      {
        title: "I2 has no types, and no digests",
        faults: [...at("manifest", untyped), ...at("config", untyped), ...at("blob", untyped)],
        story: ["manifest 200", "config 200", "blob 200"],
      },
      {
        title: "forbids what is not there, in XML",
        faults: at("manifest", says(403, "<Error><Code>AccessDenied</Code></Error>")),
        refused: ["REGISTRY_DENIED", OWNER],
      },
      { title: "warns", faults: at("manifest", header("warning", '299 - "this registry moves"')) },
    ],
    { names },
  );
});

describe("a registry of the world", () => {
  const names = known("registry.example.com", "storage.example.com");
  const notPublic = (where: string): Row["refused"] => [
    "REGISTRY_REDIRECT_REFUSED",
    `${where}, which is not a public address`,
  ];
  const realm = (address: string) => at("manifest", challenge(`Bearer realm="${address}"`));
  holdRows(
    [
      {
        title: "that redirects from https to http",
        faults: at("blob", redirect("http://STRANGER/x")),
        refused: ["REGISTRY_REDIRECT_REFUSED", "http://stranger.example, which is not encrypted"],
      },
      {
        title: "that redirects from https to http, by a host in between",
        faults: [
          ...at("blob", redirect("https://STRANGER/x")),
          ...at("stranger", redirect("http://HOST/x")),
        ],
        refused: [
          "REGISTRY_REDIRECT_REFUSED",
          "http://registry.example.com, which is not encrypted",
        ],
      },
      ...[
        "10.0.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "[fd00::1]",
        "127.0.0.1",
        "[::1]",
        "localhost",
        "0.0.0.0",
      ].map((host) => ({
        title: `S18 that redirects to ${host}`,
        faults: at("blob", redirect(`https://${host}/x`)),
        refused: notPublic(`https://${host}`),
      })),
      {
        title: "S20 whose token service is not encrypted",
        faults: realm("http://HOST/token"),
        refused: ["REGISTRY_REDIRECT_REFUSED", "which is not encrypted"],
      },
      {
        title: "S20 whose token service is this machine",
        faults: realm("https://localhost/token"),
        refused: notPublic("https://localhost"),
      },
      {
        title: "S20 whose token service is of another owner",
        faults: [
          ...realm("https://STRANGER/token"),
          ...at("stranger", says(200, '{"token":"public"}')),
        ],
        refused: ["REGISTRY_DENIED", "STRANGER, which does not belong to it"],
      },
      {
        title: "S20 whose token service belongs to nobody we know by Basic too",
        faults: [
          ...at("manifest", challenge("Basic realm=x", 'Bearer realm="https://STRANGER/token"')),
          ...at("stranger", says(200, '{"token":"public"}')),
        ],
        refused: ["REGISTRY_DENIED", "STRANGER, which does not belong to it"],
      },
    ],
    { names, credentials: ACCOUNT },
  );
});
