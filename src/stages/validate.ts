// Stage 1: settings become a request, or every problem is told at once. Nothing is opened, nothing is asked.

import type { SettableLimits } from "../layers/limits.ts";
import { hostPlatform, type Platform } from "../oci/platform.ts";
import type { ImageName } from "../oci/image-name.ts";
import {
  type HostEnvironment,
  hostEnvironmentOf,
  nameOf,
  type Problem,
  readSettings,
  refuseProblems,
  serverEnvironmentOf,
  type SettingSources,
} from "../read-settings.ts";
import { type SettingName, type Settings } from "../settings.ts";
import { publicHostsOf } from "./public-hosts.ts";
import {
  cacheProblems,
  credentialProblems,
  mentions,
  pathProblems,
  portProblems,
  problem,
} from "./contradictions.ts";

/** What every command that reads an image is told. */
const IMAGE_SETTINGS = [
  "image",
  "registryUser",
  "registryPassword",
  "registryPasswordFile",
  "registryClient",
  "registryTimeout",
  "registryConcurrency",
  "registryCaFile",
  "registryPlainHttp",
  "registryMirrors",
  "pullTimeout",
  "cacheDirectory",
  "cacheMaxBytes",
  "pullPolicy",
  "offlineStart",
  "platform",
  "workDirectory",
  "maxUnpackedBytes",
  "maxRatio",
  "maxEntries",
  "maxLayers",
  "maxDepth",
  "maxPathBytes",
  "maxNameBytes",
  "maxRecordBytes",
  "maxManifestBytes",
  "maxConfigBytes",
  "logLevel",
  "logFormat",
] as const satisfies readonly SettingName[];

export const PULL_SETTINGS = [
  ...IMAGE_SETTINGS,
  "destination",
  "bake",
] as const satisfies readonly SettingName[];

/** What a command that starts or describes a server is told besides. */
export const SERVER_SETTINGS = [
  ...IMAGE_SETTINGS,
  "port",
  "runMode",
  "mcpTransport",
  "mcpHost",
  "mcpPath",
  "healthcheckPath",
  "serverTransport",
  "targetPort",
  "authToken",
  "allowedHosts",
  "allowedOrigins",
  "maxSessions",
  "sessionIdle",
  "sessionAge",
  "maxRequestBytes",
  "maxLineBytes",
  "startTimeout",
  "shutdownGrace",
  "pageCalls",
  "startFailure",
] as const satisfies readonly SettingName[];

type ImageSettings = Pick<Settings, (typeof IMAGE_SETTINGS)[number]>;
type ServerSettings = Pick<Settings, (typeof SERVER_SETTINGS)[number]>;

export interface ImageRequest extends Omit<ImageSettings, "image" | "platform"> {
  readonly image: ImageName;
  readonly platform: Platform;
  readonly host: HostEnvironment;
  readonly limits: SettableLimits;
}

export interface ServerRequest extends ImageRequest, Omit<ServerSettings, "image" | "platform"> {
  /** What followed the first `--`: the server's arguments in place of the image's Cmd. */
  readonly serverArguments: readonly string[];
  /** The MCP_ENV_* variables, prefix removed. */
  readonly serverEnvironment: Readonly<Record<string, string>>;
  /** Names by which the platform makes the port known. */
  readonly publicHosts: readonly string[];
}

export interface PullRequest extends ImageRequest {
  /** As it was given. */
  readonly destination: string;
  /** What is pulled is to be a root to start from as it is. */
  readonly bake: boolean;
}

/** What is left to say about a server whose image is there already. */
export type BakedRequest = Omit<ServerRequest, keyof ImageRequest> & Pick<ImageRequest, "host">;

export interface Inputs extends SettingSources {
  readonly serverArguments: readonly string[];
}

/**
 * The request for an image's files in a directory. Throws INPUT_INVALID or REFERENCE_INVALID, with every problem at
 * once.
 */
export function validatePull(inputs: Inputs): PullRequest {
  const { settings, problems } = readSettings(PULL_SETTINGS, inputs);
  const { destination = "", bake } = settings;
  const request = completed(inputs, settings, [
    ...problems,
    ...credentialProblems(settings),
    ...cacheProblems(settings, problems),
    ...(destination === "" ? [problem("destination", `${nameOf("destination")} is required`)] : []),
  ]);
  return { ...request, destination, bake: bake !== undefined };
}

/** The request for a server. `portRequired` is false where it is only described. Throws as validatePull does. */
export function validateServer(
  inputs: Inputs,
  options: { readonly portRequired: boolean },
): ServerRequest {
  const { settings, problems } = readSettings(SERVER_SETTINGS, inputs);
  const request = completed(inputs, settings, [
    ...problems,
    ...credentialProblems(settings),
    ...cacheProblems(settings, problems),
    ...pathProblems(settings, problems),
    ...(options.portRequired ? portProblems(settings, problems) : []),
  ]);
  return { ...request, ...serversOwn(inputs) };
}

/**
 * The same for a server whose image is there already. What is said about registries and caches is held to its form
 * and not used: a build's settings may be the container's as well.
 */
export function validateBaked(
  inputs: Inputs,
  options: { readonly portRequired: boolean },
): BakedRequest {
  const { settings, problems } = readSettings(SERVER_SETTINGS, inputs);
  refuseProblems([
    ...problems,
    ...pathProblems(settings, problems),
    ...(options.portRequired ? portProblems(settings, problems) : []),
  ]);
  return { ...settings, ...serversOwn(inputs), host: hostEnvironmentOf(inputs.environment) };
}

type ServersOwn = Pick<ServerRequest, "serverArguments" | "serverEnvironment" | "publicHosts">;

function serversOwn(inputs: Inputs): ServersOwn {
  return {
    serverArguments: inputs.serverArguments,
    serverEnvironment: serverEnvironmentOf(inputs.environment),
    publicHosts: publicHostsOf(inputs.environment),
  };
}

function completed<T extends ImageSettings>(
  inputs: Inputs,
  settings: T,
  found: readonly Problem[],
): T & Pick<ImageRequest, "image" | "platform" | "host" | "limits"> {
  const { image, platform = hostPlatform() } = settings;
  refuseProblems(
    image === undefined && !mentions(found, "image") ? [IMAGE_MISSING, ...found] : found,
  );
  // Without a problem there is an image: its absence would have been one.
  return {
    ...settings,
    image: image as ImageName,
    platform,
    host: hostEnvironmentOf(inputs.environment),
    limits: limitsOf(settings),
  };
}

function limitsOf(settings: ImageSettings): SettableLimits {
  return {
    unpackedBytes: settings.maxUnpackedBytes,
    ratio: settings.maxRatio,
    entries: settings.maxEntries,
    layers: settings.maxLayers,
    depth: settings.maxDepth,
    pathBytes: settings.maxPathBytes,
    nameBytes: settings.maxNameBytes,
    recordBytes: settings.maxRecordBytes,
  };
}

const IMAGE_MISSING: Problem = {
  setting: "image",
  code: "INPUT_INVALID",
  message: `${nameOf("image")} is required: the image to run, such as ghcr.io/org/server:1.2`,
};
