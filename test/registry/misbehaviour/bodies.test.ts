// Bodies that are not what they should be: manifests, configs and layers of the wrong length, type, coding or content.
// Numbers such as I2 are cases of the list of known troubles with registries.

import { describe } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { holdRows, IMAGE, type Row } from "../../support/misbehaviour-row.ts";
import {
  at,
  body,
  both,
  breaks,
  chunked,
  damaged,
  followedBy,
  header,
  longer,
  says,
  shorter,
  untilClosed,
} from "../../support/misbehaviours.ts";

const SMUGGLED = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
const HTML = "<!doctype html><title>Welcome to the hotel</title>";
const same = (bytes: Uint8Array) => bytes;
const gzipped = body((bytes) => gzipSync(bytes));

describe("a manifest", () => {
  const rows: Row[] = [
    { title: "I2 of no type", faults: at("manifest", header("content-type", undefined)) },
    {
      title: "I2 called octets",
      faults: at("manifest", header("content-type", "application/octet-stream")),
    },
    {
      title: "I2 called text, with parameters",
      faults: at("manifest", header("content-type", "text/plain; charset=utf-8")),
    },
    { title: "I2 called a web page", faults: at("manifest", header("content-type", "text/html")) },
    {
      title: "I16 with another digest in its header",
      faults: at("manifest", header("docker-content-digest", `sha256:${"0".repeat(64)}`)),
    },
    {
      title: "I16 with a digest that is none",
      faults: at("manifest", header("docker-content-digest", "../../etc/passwd")),
    },
    {
      title: "I16 without a digest",
      faults: at("manifest", header("docker-content-digest", undefined)),
    },
    {
      title: "I15 that is another than the digest asked for",
      faults: at("manifest", says(200, '{"schemaVersion":2}')),
      isPinned: true,
      refused: ["DIGEST_MISMATCH", IMAGE.root.digest],
    },
    {
      title: "I15 damaged, asked for by digest",
      faults: at("manifest", damaged),
      isPinned: true,
      refused: ["DIGEST_MISMATCH", IMAGE.root.digest],
    },
    {
      title: "I17 of more than 4 MiB",
      faults: at("manifest", says(200, `{"x":"${"x".repeat(4 * 2 ** 20)}"}`)),
      refused: ["LIMIT_EXCEEDED", "MAX_MANIFEST_BYTES"],
    },
    {
      title: "that is a web page",
      faults: at("manifest", says(200, HTML)),
      refused: ["REGISTRY_RESPONSE_INVALID", "HOST answers with something that is no manifest"],
    },
    {
      title: "that is empty",
      faults: at("manifest", says(200, "")),
      refused: ["REGISTRY_RESPONSE_INVALID", "no manifest"],
    },
    { title: "in chunks", faults: at("manifest", chunked(same)) },
    { title: "until the connection is closed", faults: at("manifest", untilClosed(same)) },
    {
      title: "with the next answer hidden behind it",
      faults: at("manifest", followedBy(SMUGGLED)),
    },
    {
      title: "torn once",
      faults: at("manifest", breaks("close", 40), 1),
      story: ["manifest 200", "manifest 200", "config 200", "blob 200"],
    },
    {
      title: "torn every time",
      faults: at("manifest", breaks("close", 40)),
      refused: ["REGISTRY_UNREACHABLE", "HOST closes the connection"],
    },
    {
      title: "cut at its end, as if that were all",
      faults: at("manifest", body(shorter)),
      refused: ["IMAGE_INVALID", "JSON"],
    },
    {
      title: "compressed on the way, which was not asked for",
      faults: at("manifest", both(gzipped, header("content-encoding", "gzip"))),
      refused: ["REGISTRY_RESPONSE_INVALID", "no manifest"],
    },
  ];
  holdRows(rows);
});

// The config and the layers are blobs alike, and may come from the registry or from its storage.
for (const step of ["config", "blob", "storage"] as const) {
  describe(`the ${step === "storage" ? "storage's answer" : step}`, () => {
    const rows: Row[] = [
      { title: "of no type", faults: at(step, header("content-type", undefined)) },
      { title: "called a web page", faults: at(step, header("content-type", "text/html")) },
      { title: "in chunks", faults: at(step, chunked(same)) },
      { title: "until the connection is closed", faults: at(step, untilClosed(same)) },
      { title: "with the next answer hidden behind it", faults: at(step, followedBy(SMUGGLED)) },
      { title: "damaged", faults: at(step, damaged), refused: ["DIGEST_MISMATCH", "blob"] },
      {
        title: "longer, and says so",
        faults: at(step, body(longer)),
        refused: ["DIGEST_MISMATCH", "blob"],
      },
      {
        title: "longer, in chunks",
        faults: at(step, chunked(longer)),
        refused: ["DIGEST_MISMATCH", "blob"],
      },
      {
        title: "longer, until the connection is closed",
        faults: at(step, untilClosed(longer)),
        refused: ["DIGEST_MISMATCH", "blob"],
      },
      {
        title: "shorter, and says so",
        faults: at(step, body(shorter)),
        refused: ["DIGEST_MISMATCH", "blob"],
      },
      {
        title: "empty",
        faults: at(
          step,
          body((bytes) => bytes.subarray(0, 0)),
        ),
        refused: ["DIGEST_MISMATCH", "blob"],
      },
      {
        title: "a web page",
        faults: at(step, says(200, HTML)),
        refused: ["DIGEST_MISMATCH", "blob"],
      },
      { title: "torn once", faults: at(step, breaks("close", 100), 1) },
      { title: "torn once, in chunks", faults: at(step, chunked(shorter, true), 1) },
      {
        title: "ended early once, until the connection is closed",
        faults: at(step, untilClosed(shorter), 1),
      },
      {
        title: "torn every time before the first byte",
        faults: at(step, breaks("close", 0)),
        refused: ["REGISTRY_UNREACHABLE", "closes the connection"],
      },
      {
        title: "compressed with gzip on the way",
        faults: at(step, both(gzipped, header("content-encoding", "gzip"))),
      },
      {
        title: "compressed with zstd on the way",
        faults: at(
          step,
          both(
            body((bytes) => zstdCompressSync(bytes)),
            header("content-encoding", "zstd"),
          ),
        ),
      },
      {
        title: "called compressed, but as it is stored",
        faults: at(step, header("content-encoding", "gzip")),
      },
      {
        title: "called aws-chunked, but as it is stored",
        faults: at(step, header("content-encoding", "aws-chunked")),
      },
      {
        title: "in a coding that nobody knows",
        faults: at(step, both(body(longer), header("content-encoding", "rot13"))),
        refused: ["REGISTRY_RESPONSE_INVALID", "rot13"],
      },
    ];
    holdRows(rows, { registry: { usesStorage: step === "storage" } });
  });
}
