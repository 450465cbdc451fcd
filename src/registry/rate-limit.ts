// How often an image may be pulled, as Docker Hub and others tell in headers:
// https://docs.docker.com/docker-hub/usage/pulls/ ("ratelimit-limit: 100;w=21600", "ratelimit-remaining: 0;w=21600").
// The numbers change from year to year, so none is written here.

import { inWords } from "./duration.ts";

export interface RateLimit {
  readonly pulls: number;
  readonly windowMs: number;
  readonly left?: number;
}

const QUOTA = /^\s*(\d{1,9})\s*;\s*w\s*=\s*(\d{1,9})\s*$/;

/** What an answer's headers say; undefined where they say nothing that makes sense. */
export function parseRateLimit(headers: Headers): RateLimit | undefined {
  const [, pulls, seconds] = QUOTA.exec(headers.get("ratelimit-limit") ?? "") ?? [];
  if (pulls === undefined || Number(seconds) === 0) return undefined;
  const [, left] = /^\s*(\d{1,9})\s*(?:;|$)/.exec(headers.get("ratelimit-remaining") ?? "") ?? [];
  const limit = { pulls: Number(pulls), windowMs: Number(seconds) * 1000 };
  return left === undefined ? limit : { ...limit, left: Number(left) };
}

/** "100 pulls in 6 hours, of which 3 are left" */
export function formatRateLimit({ pulls, windowMs, left }: RateLimit): string {
  const quota = `${pulls} ${pulls === 1 ? "pull" : "pulls"} in ${inWords(windowMs)}`;
  if (left === undefined) return quota;
  return `${quota}, of which ${left === 0 ? "none is" : left === 1 ? "1 is" : `${left} are`} left`;
}
