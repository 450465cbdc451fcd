// How far the runner is with a server, as the health path, the page and the metrics tell it. Types and their meaning.

/** What a pull has brought of an image. */
export interface PullProgress {
  readonly receivedBytes: number;
  readonly totalBytes: number;
  readonly layersDone: number;
  readonly layers: number;
}

/** Why a start failed; every text may be shown to whoever reaches the port. */
export interface StartFailure {
  readonly stage: string;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export type Phase =
  | { readonly state: "starting"; readonly stage: string; readonly progress?: PullProgress }
  | { readonly state: "serving" }
  /** The server's processes end as soon as they have started. */
  | { readonly state: "failing"; readonly reason: string }
  | { readonly state: "failed"; readonly failure: StartFailure }
  | { readonly state: "closing" };

/** What is known of the server once it has been asked; everything in it is the server's own text. */
export interface Catalogue {
  readonly unsafeName: string;
  readonly unsafeVersion: string;
  readonly protocolVersions: readonly string[];
  readonly unsafeInstructions?: string;
  readonly tools: readonly unknown[];
  readonly resources: readonly unknown[];
  readonly prompts: readonly unknown[];
}

/** What runs here, as far as it is known. */
export interface Subject {
  readonly image?: string;
  readonly digest?: string;
  /** How clients reach it: "over its standard input and output", "at its port 8000". */
  readonly way?: string;
  readonly catalogue?: Catalogue;
}
