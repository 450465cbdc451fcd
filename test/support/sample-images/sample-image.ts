// What every sample image is: layers and a config, and how its server must tell that it runs. A record, no code.

import type { ImageConfigInput } from "../image-builder.ts";
import type { TarEntry } from "../tar-archive.ts";

export interface SampleImage {
  /** Its column in a table. */
  readonly title: string;
  /** What is special about it, as a sentence. */
  readonly about: string;
  /** Programs of this machine that it is made with. */
  readonly programs: readonly string[];
  readonly layer: () => readonly TarEntry[];
  readonly config: ImageConfigInput;
  /** What runs its server, by its name inside the image. */
  readonly interpreter: string;
  /** Where the image has its server's user live; absent where it does not say. */
  readonly home?: string;
}
