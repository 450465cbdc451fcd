// Which image is run, as what, and where its files go.

import { RUN_MODES } from "../launch/run-mode.ts";
import { parseImageName } from "../oci/image-name.ts";
import { parsePlatform } from "../oci/platform.ts";
import type { SettingRow } from "./row.ts";
import { absolutePath, hostName, oneOf, parsedBy, text, urlPath, wholeNumber } from "./schemas.ts";

export const TRANSPORTS = ["streamable-http", "sse", "stdio"] as const;

export const IMAGE_ROWS = {
  image: {
    env: "IMAGE",
    value: "reference",
    about:
      "Image to run, as in `docker pull`: `ghcr.io/org/server:1.2`, `mcp/fetch`, `host:5000/name@sha256:…`; or on this machine: `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:TAG]`. Also the argument.",
    schema: parsedBy(parseImageName),
    code: "REFERENCE_INVALID",
  },
  port: {
    env: "PORT",
    flag: "port",
    value: "1-65535",
    about: "Port that clients use, such as 7860. Required unless MCP_TRANSPORT is stdio.",
    schema: wholeNumber(1, 65_535),
  },
  mcpTransport: {
    env: "MCP_TRANSPORT",
    flag: "mcp-transport",
    value: TRANSPORTS.join("|"),
    about:
      "How clients reach the server: over streamable HTTP, over the older HTTP with SSE, or on the runner's own stdin and stdout.",
    schema: oneOf(TRANSPORTS),
    fallback: "streamable-http",
  },
  mcpHost: {
    env: "MCP_HOST",
    flag: "mcp-host",
    value: "address",
    about: "Address of PORT: the server binds it, or the runner in front of it.",
    schema: hostName,
    fallback: "0.0.0.0",
  },
  mcpPath: {
    env: "MCP_PATH",
    flag: "mcp-path",
    value: "path",
    about: "Path of the MCP endpoint, of the server or of the runner in front of it.",
    schema: urlPath,
    fallback: "/mcp",
  },
  healthcheckPath: {
    env: "HEALTHCHECK_PATH",
    flag: "healthcheck-path",
    value: "path",
    about:
      "Path that `healthcheck` asks, and that the runner answers while it stays; where a server does not know it, MCP_PATH is asked.",
    schema: urlPath,
    fallback: "/health",
  },
  runMode: {
    env: "RUN_MODE",
    flag: "run-mode",
    value: RUN_MODES.join("|"),
    about: "Where the server finds its files; `auto` decides by what works here. See Run modes.",
    schema: oneOf(RUN_MODES),
    fallback: "auto",
  },
  workDirectory: {
    env: "WORK_DIR",
    flag: "work-dir",
    value: "path",
    about:
      "Directory for images being unpacked and for private roots, on a file system without noexec. Default: /var/cache/fastmcp-runner, else the user's cache directory.",
    schema: absolutePath,
  },
  destination: {
    flag: "to",
    value: "directory",
    about: "Where `pull` puts the image's root filesystem: a directory that is empty or absent.",
    schema: text,
  },
  bake: {
    flag: "bake",
    about:
      "Makes of what `pull` writes a root filesystem to start from as it is, as `/` of a container. See Baked images.",
    schema: oneOf(["1"]),
  },
  platform: {
    env: "PLATFORM",
    flag: "platform",
    value: "os/arch",
    about: "Platform to pull, such as `linux/amd64` or `linux/arm64/v8`. Default: this machine's.",
    schema: parsedBy(parsePlatform),
  },
} as const satisfies Record<string, SettingRow>;
