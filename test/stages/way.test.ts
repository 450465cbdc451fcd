import { expect, test } from "bun:test";
import { decideWay, launchRequestFor, type ReachableImage } from "../../src/stages/way.ts";
import { validateServer } from "../../src/stages/validate.ts";

const SILENT: ReachableImage = {
  entrypoint: ["server"],
  cmd: [],
  env: [],
  workingDir: "/",
  user: "",
  labels: {},
  exposedPorts: [],
};

function requestWith(environment: Readonly<Record<string, string>>) {
  const inputs = {
    image: "example.com/x",
    flags: {},
    environment,
    serverArguments: [],
  };
  return validateServer(inputs, { portRequired: false });
}

test.each([
  ["nothing is known of the image", {}, SILENT, "watch"],
  ["the image exposes a port", {}, { ...SILENT, exposedPorts: ["8000/tcp"] }, "proxy"],
  ["the image sets PORT", {}, { ...SILENT, env: [["PORT", "1"]] as const }, "hand-over"],
  ["clients come on stdin", { MCP_TRANSPORT: "stdio" }, SILENT, "hand-over"],
])("without a port, as when an image is described, and where %s", (_, settings, image, kind) => {
  const request = requestWith(settings);
  const way = decideWay(image, request);
  expect(way).toHaveProperty("kind", kind);
});

test("a server that is led to is told its own port, on loopback", () => {
  const request = requestWith({ PORT: "7860", TARGET_PORT: "8000" });
  const way = decideWay(SILENT, request);
  expect(launchRequestFor(request, way)).toMatchObject({ port: 8000, mcpHost: "127.0.0.1" });
});
