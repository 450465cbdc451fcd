// What this build is. The build replaces both names; a run from source has neither.

declare const VERSION: string | undefined;
declare const COMMIT: string | undefined;

export const version = typeof VERSION === "string" ? VERSION : "0.0.0-source";
export const commit = typeof COMMIT === "string" ? COMMIT : "unknown";
