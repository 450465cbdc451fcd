// What a token service answers: a token, and how long it is good. Pure.
// https://github.com/distribution/distribution/blob/v3.0.0/docs/content/spec/auth/token.md#token-response-fields

import * as v from "valibot";
import { parseJson } from "./json.ts";
import { serverTime } from "./retry.ts";

export interface Token {
  readonly token: string;
  /** Milliseconds since 1970, by our own clock. */
  readonly expiresAt: number;
}

const DEFAULT_LIFE_SECONDS = 60;

const answerSchema = v.object({
  token: v.nullish(v.string()),
  access_token: v.nullish(v.string()),
  expires_in: v.fallback(v.pipe(v.number(), v.minValue(1)), DEFAULT_LIFE_SECONDS),
  issued_at: v.fallback(v.optional(v.pipe(v.string(), v.isoTimestamp())), undefined),
});

/** Reads an answer that came at `now`; undefined when there is no token in it that could be sent. */
export function parseToken(bytes: Uint8Array, headers: Headers, now: number): Token | undefined {
  const result = v.safeParse(answerSchema, parseJson(bytes));
  if (!result.success) return undefined;
  const { token, access_token, expires_in: life, issued_at: issued } = result.output;
  const text = token || access_token || "";
  if (!isBearerToken(text)) return undefined;
  // A service may hand out a token that it has had for a while. It dates that by its own clock, as it does its answer.
  const age = issued === undefined ? 0 : serverTime(headers, now) - Date.parse(issued);
  return { token: text, expiresAt: now + life * 1000 - Math.max(0, age) };
}

/** Only what may stand in a header: a line break would begin another one. */
export function isBearerToken(unsafeText: string): boolean {
  return /^[\x21-\x7e]+$/.test(unsafeText);
}
