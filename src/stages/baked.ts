// An image that is the root filesystem already: baked where it is built, found and started where it runs. Between the
// two nothing is asked of any registry.

import { RunnerError } from "../errors.ts";
import { BAKED_IMAGE_FILE, bakeRoot, readBakedDescription } from "../launch/baked-root.ts";
import type { LaunchPlan } from "../launch/launch-plan.ts";
import { type Identity, serverIdentity } from "../launch/ownership.ts";
import { privateRootView, textIn } from "../launch/root-view.ts";
import { homeOf } from "../launch/user.ts";
import { log } from "../log.ts";
import {
  type BakedImage,
  formatBakedImage,
  type LaunchConfig,
  parseBakedImage,
} from "../oci/baked-image.ts";
import { formatImageName } from "../oci/image-name.ts";
import { nameOf, readSettings, type SettingSources } from "../read-settings.ts";
import { dropPrivileges, type LaunchRequest, MAX_PASSWD_BYTES } from "./drop-privileges.ts";
import type { Image } from "./fetch-config.ts";

/** Makes a fresh tree of an image one to start from as it is. Throws IMAGE_UNSUPPORTED, WORKDIR_UNUSABLE, DISK_*. */
export function bake(root: string, { name, digest, config }: Image): void {
  const image = formatImageName(name);
  const owner = serverIdentity();
  const homeless = bakeRoot(root, {
    owner,
    unsafeWorkingDirectory: config.workingDir,
    unsafeHome: homeFor(owner, root, config),
    description: formatBakedImage({ image, digest, platform: config.platform, config }),
  });
  if (homeless !== undefined) log.warn(homeless);
}

function homeFor({ uid }: Identity, root: string, config: LaunchConfig): string {
  const { HOME } = Object.fromEntries(config.env);
  const unsafePasswd = textIn(privateRootView(root), "/etc/passwd", MAX_PASSWD_BYTES);
  const { user: unsafeUser, workingDir: workingDirectory } = config;
  return HOME ?? homeOf({ unsafeUser, unsafePasswd, uid, workingDirectory, accepts: () => true });
}

/**
 * The image that this root is, where a start is to be from it: RUN_MODE does not ask for another way, and IMAGE names
 * no other image. Throws RUN_MODE_UNAVAILABLE, INPUT_INVALID, IMAGE_INVALID. Settings that are wrong in themselves are
 * left to be told with all others.
 */
export async function findBaked(sources: SettingSources): Promise<BakedImage | undefined> {
  const { image, runMode } = readSettings(["image", "runMode"], sources).settings;
  if (runMode !== "auto" && runMode !== "baked") return undefined;
  const baked = await readBaked();
  if (baked === undefined) {
    if (runMode === "baked") throw notBaked();
    return undefined;
  }
  // A platform may give a build's variables to the container as well, so the same name is no other wish.
  if (image !== undefined && formatImageName(image) !== baked.image) {
    throw otherImage(formatImageName(image), baked);
  }
  return baked;
}

/** The image that this root is, whatever the settings are. Throws IMAGE_INVALID. */
export async function readBaked(): Promise<BakedImage | undefined> {
  const bytes = await readBakedDescription();
  if (bytes === undefined) return undefined;
  try {
    return parseBakedImage(bytes);
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    throw new RunnerError(error.code, `${BAKED_IMAGE_FILE}: ${error.message}`, {
      cause: error,
      hint: "Bake the image again with `pull --bake` of the same runner, or set RUN_MODE to pull another.",
    });
  }
}

/** Stage 5 for a root that is the image's own. Throws what dropPrivileges throws. */
export function planBaked(
  { image, digest, config }: BakedImage,
  request: LaunchRequest,
): LaunchPlan {
  const reason = `${image} is this root already`;
  log.info(`run mode baked: ${reason}`, { digest });
  const root = process.geteuid?.() === 0;
  return dropPrivileges({ root: "/", mode: "baked", reason }, config, request, { root });
}

function notBaked(): RunnerError {
  return new RunnerError(
    "RUN_MODE_UNAVAILABLE",
    `run mode baked does not work here: ${BAKED_IMAGE_FILE} does not exist`,
    {
      hint: "It is for a root filesystem that `fastmcp-runner pull IMAGE --to DIR --bake` has made.",
    },
  );
}

function otherImage(asked: string, { image }: BakedImage): RunnerError {
  return new RunnerError(
    "INPUT_INVALID",
    `${nameOf("image")} is ${asked}, but this root is ${image}, baked`,
    {
      hint: "Build this container again with the other image, or leave IMAGE empty; to pull one all the same, set RUN_MODE to another mode than baked.",
    },
  );
}
