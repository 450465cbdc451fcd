// Sizes as people read them.

/** A number of bytes in units of 10^6, such as `12.3 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
