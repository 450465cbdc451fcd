// The registries that people use, by their own names and with the habits that each is known for. They live in this
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
  WITH_TOKEN,
} from "../../support/known-registries.ts";
import { ACCOUNT, holdRows, IMAGE } from "../../support/misbehaviour-row.ts";
import {
  at,
  both,
  challenge,
  header,
  later,
  refuses,
  says,
  status,
  when,
} from "../../support/misbehaviours.ts";

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
