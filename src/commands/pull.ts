// `pull`: stages 1 to 4, the whole root filesystem in a directory of the caller's choice.

import { formatPlatform } from "../oci/platform.ts";
import { formatImageName } from "../oci/image-name.ts";
import { print, printJson } from "../output.ts";
import { type Pulled, pullImage } from "../pipeline.ts";
import { PULL_SETTINGS, validatePull } from "../stages/validate.ts";
import { megabytes } from "./megabytes.ts";
import type { Command } from "./command.ts";

export const pull: Command = {
  about: "Put an image's whole root filesystem into a directory",
  settings: PULL_SETTINGS,
  json: true,
  async run(inputs) {
    const pulled = await pullImage(validatePull(inputs));
    if (inputs.json) printJson(asJson(pulled));
    else print(asText(pulled));
    return 0;
  },
};

function asJson({ image, rootfs, destination }: Pulled): unknown {
  return {
    image: formatImageName(image.name),
    digest: image.digest,
    platform: formatPlatform(image.config.platform),
    destination,
    layers: rootfs.report.layers,
    entries: rootfs.report.entries,
    bytes: rootfs.report.bytes,
    milliseconds: rootfs.milliseconds,
    notKept: rootfs.report.unkept,
  };
}

function asText({ image, rootfs, destination }: Pulled): string {
  const { entries, bytes, layers, unkept } = rootfs.report;
  const lines = [
    `${formatImageName(image.name)} is in ${destination}`,
    `  digest    ${image.digest}`,
    `  platform  ${formatPlatform(image.config.platform)}`,
    `  content   ${entries} entries, ${megabytes(bytes)}, from ${layers.length} layers`,
    `  time      ${(rootfs.milliseconds / 1000).toFixed(1)} s`,
    ...unkept.map(({ kind, count }) => `  not kept  ${kind}: ${count}`),
  ];
  return lines.join("\n");
}
