import { expect, test } from "bun:test";
import { redact } from "../../src/registry/redact.ts";

test.each([
  ["see https://cdn.example/blob?sig=canary&x=1, please", "see https://cdn.example/blob?… please"],
  ['fetching "https://cdn.example/b?sig=canary"', 'fetching "https://cdn.example/b?…"'],
  ["https://user:canary@cdn.example/", "https://…@cdn.example/"],
  ["you sent Authorization: Bearer canary-1234567890", "you sent Authorization: Bearer …"],
  ["you sent basic dXNlcjpjYW5hcnkx", "you sent basic …"],
  ["token eyJhbGciOiJSUzI1NiJ9.eyJjYW5hcnkiOjF9.c2ln is old", "token … is old"],
  ["Bearer authentication is required", "Bearer authentication is required"],
  ["why? because", "why? because"],
])("%p becomes %p", (text, expected) => {
  expect(redact(text)).toBe(expected);
});
