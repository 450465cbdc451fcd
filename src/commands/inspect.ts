// `inspect`: stages 1 to 3 and how the server would be started. Values that look secret are hidden.

import { printable } from "../errors.ts";
import type { ServerWay } from "../gateway/way.ts";
import { hideSecret } from "../launch/secret-names.ts";
import type { BakedImage } from "../oci/baked-image.ts";
import { formatPlatform } from "../oci/platform.ts";
import { formatImageName } from "../oci/image-name.ts";
import { print, printJson } from "../output.ts";
import { fetchImage } from "../pipeline.ts";
import { findBaked } from "../stages/baked.ts";
import { variablesOf } from "../stages/drop-privileges.ts";
import type { Image } from "../stages/fetch-config.ts";
import { decideWay, launchRequestFor } from "../stages/way.ts";
import {
  type BakedRequest,
  SERVER_SETTINGS,
  validateBaked,
  validateServer,
} from "../stages/validate.ts";
import type { Command, CommandInputs } from "./command.ts";
import { megabytes } from "./megabytes.ts";

export const inspect: Command = {
  about: "Describe an image and how its server would be started",
  settings: SERVER_SETTINGS,
  json: true,
  serverArguments: true,
  async run(inputs) {
    const description = await descriptionOf(inputs);
    if (inputs.json) printJson(description);
    else print(asText(description));
    return 0;
  },
};

interface Description {
  readonly image: string;
  readonly digest: string;
  readonly platform: string;
  /** Absent where the image was baked: it has none any more. */
  readonly layers?: { readonly count: number; readonly compressedBytes: number };
  readonly user: string;
  readonly exposedPorts: readonly string[];
  readonly stopSignal: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly launch: {
    readonly command: readonly string[];
    readonly workingDirectory: string;
    readonly runMode: string;
    /** How clients will reach the server, and why. */
    readonly transport: ServerWay;
    readonly environment: Readonly<Record<string, string>>;
  };
}

async function descriptionOf(inputs: CommandInputs): Promise<Description> {
  const options = { portRequired: false };
  const baked = await findBaked(inputs);
  if (baked !== undefined) {
    return describe(baked, { ...validateBaked(inputs, options), runMode: "baked" });
  }
  const request = validateServer(inputs, options);
  const { name, digest, config, layers } = await fetchImage(request);
  const { platform } = config;
  return describe({ image: formatImageName(name), digest, platform, config, layers }, request);
}

type Described = BakedImage & Partial<Pick<Image, "layers">>;

function describe(
  { image, digest, platform, config, layers }: Described,
  request: BakedRequest,
): Description {
  const { serverArguments } = request;
  const way = decideWay(config, request);
  const rest = serverArguments.length > 0 ? serverArguments : config.cmd;
  return {
    image,
    digest,
    platform: formatPlatform(platform),
    ...(layers === undefined ? {} : { layers: sizeOf(layers) }),
    user: config.user,
    exposedPorts: config.exposedPorts,
    stopSignal: config.stopSignal,
    labels: hidden(config.labels),
    launch: {
      command: [...config.entrypoint, ...rest],
      workingDirectory: config.workingDir,
      runMode: request.runMode,
      transport: way,
      environment: hidden(variablesOf(config, launchRequestFor(request, way))),
    },
  };
}

function sizeOf(layers: Image["layers"]): Description["layers"] & {} {
  return {
    count: layers.length,
    compressedBytes: layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
  };
}

function hidden(values: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(values).map(([name, value]) => [name, hideSecret(name, value)]);
  return Object.fromEntries(entries);
}

function asText({ launch, layers, labels, ...image }: Description): string {
  const pairs = (values: Readonly<Record<string, string>>) =>
    Object.entries(values).map(([name, value]) => `    ${name}=${value}`);
  const lines = [
    image.image,
    `  digest             ${image.digest}`,
    `  platform           ${image.platform}`,
    layers === undefined
      ? "  layers             none: it is baked into this root"
      : `  layers             ${layers.count}, ${megabytes(layers.compressedBytes)} compressed`,
    `  user               ${image.user === "" ? "root" : image.user} (the server runs as UID 1000, or as you)`,
    `  exposed ports      ${image.exposedPorts.join(", ") || "none"}`,
    ...(image.stopSignal === undefined ? [] : [`  stop signal        ${image.stopSignal}`]),
    `  command            ${launch.command.map(quoted).join(" ") || "none: name one after --"}`,
    `  working directory  ${launch.workingDirectory}`,
    `  run mode           ${launch.runMode === "auto" ? "auto: decided once the files are there" : launch.runMode}`,
    `  transport          ${wayText(launch.transport)}`,
    "  environment",
    ...pairs(launch.environment),
    ...(Object.keys(labels).length === 0 ? [] : ["  labels", ...pairs(labels)]),
  ];
  return lines.map(printable).join("\n");
}

function wayText(way: ServerWay): string {
  switch (way.kind) {
    case "hand-over":
      return `the runner becomes the server (${way.reason})`;
    case "bridge":
      return `served over HTTP for a server on stdio (${way.reason})`;
    case "proxy":
      return `led to the server's port ${way.port} (${way.reason})`;
    case "guard":
      return `led to a port that the server is given (${way.reason})`;
    case "watch":
      return `decided by what the server does first, listening or answering on stdout (${way.reason})`;
  }
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
