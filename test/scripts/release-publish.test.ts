import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { ACCOUNTS, signIn } from "../../scripts/release/accounts.ts";
import {
  signFile,
  signImage,
  throwAwayKey,
  verifyAttestation,
  verifyFile,
} from "../../scripts/release/cosign.ts";
import { imageFiles } from "../../scripts/release/image-files.ts";
import {
  addImage,
  type LayoutDescriptor,
  mergeLayout,
  writeIndex,
} from "../../scripts/release/oci-layout.ts";
import { digestAt } from "../../scripts/release/plan.ts";
import { mustRun } from "../../scripts/release/programs.ts";
import { describe as describePublication, publish } from "../../scripts/release/publish.ts";
import { verifyPublication } from "../../scripts/release/verify.ts";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.ts";
import { needs } from "../support/requirements.ts";
import { tarArchive, type TarEntry } from "../support/tar-archive.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";

const SLOW_MS = 180_000;
const LATEST = { name: "latest", immutable: false };
const VERSION = { name: "v1.2.3", immutable: true };

const withCosign = needs("cosign", "crane", "docker-registry");

describe("publish", () => {
  withCosign(
    "signs and attests in every registry, and whoever holds the key can verify it",
    async () => {
      using directory = tempDir();
      await using registry = await startDockerRegistry();
      const publication = await prepare(directory, registry);
      await publish(publication);
      await verifyPublication(publication);
      const [first = "", second = ""] = publication.repositories;
      expect(await digestAt(`${second}:latest`)).toBe(publication.index);
      const [list] = await verifyAttestation(publication.signer, `${first}:latest`, "spdx");
      expect(list).toEqual({ spdxVersion: "SPDX-2.3", name: "a list" });

      // Another key, another list, another index: each is found out.
      const other = await throwAwayKey(join(directory.path, "other"));
      await expect(verifyPublication({ ...publication, signer: other })).rejects.toThrow(
        "cosign verify",
      );
      const [attestation] = publication.attestations;
      writeFileSync(attestation?.predicate ?? "", '{"spdxVersion":"SPDX-2.3","name":"longer"}');
      await expect(verifyPublication(publication)).rejects.toThrow("has another spdx attestation");
      await mustRun(["crane", "tag", `${first}@${publication.images[0]?.digest}`, "latest"]);
      await expect(verifyPublication(publication)).rejects.toThrow(`${first}:latest is sha256:`);
    },
    SLOW_MS,
  );

  withCosign(
    "publishes nothing anywhere when one registry has the version already",
    async () => {
      using directory = tempDir();
      await using registry = await startDockerRegistry();
      const publication = await prepare(directory, registry);
      const [first = "", second = ""] = publication.repositories;
      const taken = publication.images[0]?.digest;
      await mustRun(["crane", "push", publication.layout, `${second}@${publication.index}`]);
      await mustRun(["crane", "tag", `${second}@${taken}`, VERSION.name]);
      const release = publish({ ...publication, tags: [VERSION, LATEST] });
      await expect(release).rejects.toThrow(`${second}:v1.2.3 is taken`);
      for (const reference of [`${first}:latest`, `${first}:v1.2.3`, `${second}:latest`]) {
        expect(await digestAt(reference)).toBeUndefined();
      }
    },
    SLOW_MS,
  );

  withCosign(
    "goes on with what an earlier run has left half done",
    async () => {
      using directory = tempDir();
      await using registry = await startDockerRegistry();
      const publication = { ...(await prepare(directory, registry)), tags: [VERSION, LATEST] };
      const [first = "", second = ""] = publication.repositories;
      await publish({ ...publication, repositories: [first], tags: [VERSION] });
      await publish(publication);
      await verifyPublication(publication);
      expect(await digestAt(`${second}:latest`)).toBe(publication.index);
    },
    SLOW_MS,
  );

  test("says what it would do", () => {
    const index = digestOf(Buffer.from("index"));
    expect(describePublication(["ghcr.io/a/b"], [VERSION, LATEST], index)).toEqual([
      `ghcr.io/a/b:v1.2.3 → ${index} (must be new)`,
      `ghcr.io/a/b:latest → ${index} (moves)`,
    ]);
  });
});

describe("signIn", () => {
  const password = "canary of a token";
  const account = {
    registry: "",
    user: "REGISTRY_USER_OF_TEST",
    password: "REGISTRY_TOKEN_OF_TEST",
  };

  needs("crane", "docker-registry")("opens a registry that nobody else may push to", async () => {
    using directory = tempDir();
    await using registry = await startDockerRegistry({ account: { username: "me", password } });
    const layout = directory.file("layout");
    writeIndex(layout, [standInImage(directory, "linux/amd64", [[file("x", "1")]])], {});
    const push = ["crane", "push", layout, `${registry.host}/a/b:c`];
    const environment = { DOCKER_CONFIG: directory.file("config") };
    await expect(mustRun(push, { environment })).rejects.toThrow("401 Unauthorized");
    const accounts = [{ ...account, registry: registry.host }];
    const variables = { [account.user]: "me", [account.password]: password };
    await signIn(accounts, { ...variables, ...environment });
    await mustRun(push, { environment });
  });

  test("says which variables are missing, and signs in nowhere", async () => {
    await expect(signIn(ACCOUNTS, { GHCR_USER: "me", GHCR_TOKEN: "" })).rejects.toThrow(
      "needed to sign in: GHCR_TOKEN, DOCKERHUB_USER, DOCKERHUB_TOKEN",
    );
  });
});

describe("cosign", () => {
  test("signs no tag", async () => {
    const signed = signImage({ kind: "keyless" }, "ghcr.io/a/b:latest");
    await expect(signed).rejects.toThrow("is signed by its digest only");
  });

  withCosign("finds out a file that has changed since it was signed", async () => {
    using directory = tempDir();
    const signer = await throwAwayKey(directory.path);
    const path = directory.file("SHA256SUMS");
    writeFileSync(path, "one\n");
    await signFile(signer, path);
    await verifyFile(signer, path);
    writeFileSync(path, "two\n");
    await expect(verifyFile(signer, path)).rejects.toThrow("cosign verify-blob");
  });
});

describe("an OCI layout", () => {
  test("keeps the layers' content", () => {
    using directory = tempDir();
    const image = standInImage(directory, "linux/arm64", [
      [file("etc/x", "1")],
      [file("etc/x", "2")],
    ]);
    const files = imageFiles(directory.file("layout"), image.digest, ["etc/x", "etc/y"]);
    expect([...files].map(([name, content]) => [name, content.toString()])).toEqual([
      ["etc/x", "2"],
    ]);
    expect(image.platform).toMatchObject({ os: "linux", architecture: "arm64" });
  });

  test("keeps of the config what a container gets, HEALTHCHECK too, and no name of the build", () => {
    using directory = tempDir();
    const { digest } = standInImage(directory, "linux/amd64", [[file("etc/x", "1")]]);
    const blob = (name: string) =>
      readFileSync(directory.file("layout/blobs/sha256", name.slice(7)), "utf8");
    const manifest = JSON.parse(blob(digest)) as { config: { digest: string } };
    const config: unknown = JSON.parse(blob(manifest.config.digest));
    expect(config).toEqual({
      created: "2026-01-02T03:04:05Z",
      os: "linux",
      architecture: "amd64",
      config: { Env: ["A=b"], Healthcheck: { Test: ["CMD", "true"] } },
      rootfs: { type: "layers", diff_ids: [expect.stringMatching(/^sha256:/)] },
      history: [{ created_by: "RUN true" }],
    });
  });

  test("has no file that an upper layer takes away", () => {
    using directory = tempDir();
    const layers = [[file("etc/x", "1")], [file("etc/.wh.x", "")]];
    const image = standInImage(directory, "linux/amd64", layers);
    expect(imageFiles(directory.file("layout"), image.digest, ["etc/x"]).size).toBe(0);
  });

  test("is refused when a blob is damaged", () => {
    using directory = tempDir();
    const image = standInImage(directory, "linux/amd64", [[file("etc/x", "1")]]);
    writeFileSync(directory.file("layout/blobs/sha256", image.digest.slice(7)), "{}");
    expect(() => imageFiles(directory.file("layout"), image.digest, ["etc/x"])).toThrow(
      "is damaged",
    );
  });

  test("of one machine joins that of another", () => {
    using directory = tempDir();
    const layout = directory.file("layout");
    const image = standInImage(directory, "linux/amd64", [[file("etc/x", "1")]]);
    writeIndex(layout, [image], {});
    mkdirSync(directory.file("joined"));
    expect(mergeLayout(directory.file("joined"), layout)).toEqual([image]);
    expect(imageFiles(directory.file("joined"), image.digest, ["etc/x"]).size).toBe(1);
  });
});

async function prepare(directory: TempDir, registry: DockerRegistry) {
  mkdirSync(directory.file("other"));
  const images = ["linux/amd64", "linux/arm64"].map((platform) =>
    standInImage(directory, platform, [[file("platform", platform)]]),
  );
  const layout = directory.file("layout");
  const index = writeIndex(layout, images, {}).digest;
  const predicate = directory.file("list.json");
  writeFileSync(predicate, '{"spdxVersion":"SPDX-2.3","name":"a list"}');
  const origin = directory.file("origin.json");
  writeFileSync(origin, '{"buildDefinition":{},"runDetails":{"builder":{"id":"a test"}}}');
  const digests = [...images.map(({ digest }) => digest), index];
  return {
    layout,
    index,
    images,
    repositories: [`${registry.host}/ghcr.io/a/b`, `${registry.host}/docker.io/a/b`],
    tags: [LATEST],
    attestations: digests.flatMap((digest) => [
      { digest, type: "spdx", predicate } as const,
      { digest, type: "slsaprovenance1", predicate: origin } as const,
    ]),
    signer: await throwAwayKey(directory.path),
  };
}

/** An image as podman saves it, added to the layout of the directory. */
function standInImage(
  directory: TempDir,
  platform: string,
  layers: readonly (readonly TarEntry[])[],
): LayoutDescriptor {
  const saved = directory.file(`saved-${platform.replaceAll("/", "-")}`);
  mkdirSync(saved);
  const save = (bytes: Uint8Array) => {
    const digest = digestOf(bytes);
    writeFileSync(join(saved, digest.slice(7)), bytes);
    return { mediaType: "application/octet-stream", digest, size: bytes.byteLength };
  };
  const archives = layers.map((entries) => save(tarArchive(entries)));
  const [os, architecture] = platform.split("/");
  const config = save(
    Buffer.from(
      JSON.stringify({
        created: "2026-01-02T03:04:05Z",
        os,
        architecture,
        container: "0123",
        container_config: { Hostname: "0123" },
        parent: "sha256:0123",
        config: {
          Hostname: "0123",
          Domainname: "",
          Image: "0123",
          Env: ["A=b"],
          Healthcheck: { Test: ["CMD", "true"] },
        },
        rootfs: { type: "layers", diff_ids: archives.map(({ digest }) => digest) },
        history: [{ created_by: "RUN true", comment: "FROM 0123" }],
      }),
    ),
  );
  writeFileSync(join(saved, "manifest.json"), JSON.stringify({ config, layers: archives }));
  return addImage(directory.file("layout"), saved, platform);
}

function file(path: string, content: string): TarEntry {
  return { path, content };
}
