// The ways in which a registry's answer can be wrong, each a word for the tables of tests.

import type { Fault, Misbehaviour, RegistryRequest, Step } from "./misbehaving-registry.ts";
import { proper, refusal } from "./registry-answers.ts";
import type { WireAnswer } from "./wire-server.ts";

type Headers = Readonly<Record<string, string>>;

/** The first so many answers of a step, or all. */
export function at(step: Step, does: Misbehaviour, times = Infinity): readonly Fault[] {
  return [{ at: step, does, times }];
}

/** Another status, with an empty body. */
export function status(code: number, headers: Headers = {}): Misbehaviour {
  return () => proper(code, "", headers);
}

export function says(code: number, body: string, headers: Headers = {}): Misbehaviour {
  return () => proper(code, body, headers);
}

export function json(body: unknown, code = 200): Misbehaviour {
  return says(code, JSON.stringify(body), { "content-type": "application/json" });
}

/** HOST, STORAGE and STRANGER in the address are the registry's hosts. */
export function redirect(location: string, code = 307): Misbehaviour {
  return (_, { hosts }) => proper(code, "", { location: placed(location, hosts) });
}

/** 401 with these challenges, a header each, in which the hosts may stand too. */
export function challenge(...challenges: readonly string[]): Misbehaviour {
  return (_, { hosts }) => {
    const answer = proper(401);
    const lines = challenges.map((text) => ["www-authenticate", placed(text, hosts)] as const);
    return { ...answer, headers: [...answer.headers, ...lines] };
  };
}

/** A refusal in the specification's shape. */
export function refuses(
  code: number,
  errorCode: string,
  headers: Readonly<Record<string, string>> = {},
): Misbehaviour {
  return () => refusal(code, errorCode, headers);
}

/** The right answer with this header instead of its own, or without it. */
export function header(name: string, value: string | undefined): Misbehaviour {
  return (answer) => ({
    ...answer,
    headers: [...without(answer, name), ...(value === undefined ? [] : [[name, value] as const])],
  });
}

/** One more header, whether there is one of that name or not. */
export function extra(name: string, value: string): Misbehaviour {
  return (answer) => ({ ...answer, headers: [...answer.headers, [name, value]] });
}

/** So many bytes of the body, or nothing at all, and then the connection ends in one of its ways. */
export function breaks(ending: "close" | "reset" | "hang", sent: number | "nothing"): Misbehaviour {
  return (answer, { reached }) => {
    if (sent === "nothing") return { ...answer, ending, sent };
    const range = answer.headers.find(([name]) => name === "content-range")?.[1] ?? "";
    const start = Number(/^bytes (\d+)-/.exec(range)?.[1] ?? 0);
    // What has not been read when the connection breaks is lost.
    const until = reached(start + Math.min(sent, answer.body.byteLength));
    return { ...answer, ending, sent, until };
  };
}

/** Another body with the length that it has. */
export function body(change: (bytes: Uint8Array) => Uint8Array): Misbehaviour {
  return (answer) => {
    const bytes = change(answer.body);
    return {
      ...answer,
      headers: [...without(answer, "content-length"), ["content-length", String(bytes.byteLength)]],
      body: bytes,
    };
  };
}

/** The same length, other bytes. */
export const damaged = body((bytes) =>
  bytes.map((byte, index) => (index === bytes.length >> 1 ? byte ^ 1 : byte)),
);

/** Bytes after the end that Content-Length has announced, where the next answer should begin. */
export function followedBy(bytes: Uint8Array | string): Misbehaviour {
  return (answer) => ({ ...answer, body: Buffer.concat([answer.body, Buffer.from(bytes)]) });
}

/** In one chunk and the last, empty one; without that the body is a torn one. */
export function chunked(change: (bytes: Uint8Array) => Uint8Array, isTorn = false): Misbehaviour {
  return (answer) => {
    const bytes = change(answer.body);
    const size = Buffer.from(`${bytes.byteLength.toString(16)}\r\n`);
    const end = Buffer.from(isTorn ? "\r\n" : "\r\n0\r\n\r\n");
    return {
      ...answer,
      headers: [...without(answer, "content-length"), ["transfer-encoding", "chunked"]],
      body: Buffer.concat([size, bytes, end]),
      ending: isTorn ? "close" : "keep",
    };
  };
}

/** With nothing that says how long it is: it lasts until the connection is closed. */
export function untilClosed(change: (bytes: Uint8Array) => Uint8Array): Misbehaviour {
  return (answer) => ({
    ...answer,
    headers: [...without(answer, "content-length"), ["connection", "close"]],
    body: change(answer.body),
    ending: "close",
  });
}

/** First the one, then the other. */
export function both(...all: readonly Misbehaviour[]): Misbehaviour {
  return async (answer, request) => {
    let result = answer;
    for (const one of all) result = await one(result, request);
    return result;
  };
}

export function when(
  condition: (request: Parameters<Misbehaviour>[1]) => boolean,
  does: Misbehaviour,
): Misbehaviour {
  return (answer, request) => (condition(request) ? does(answer, request) : answer);
}

/** Not the first answer of the step, which asks for a proof. */
export function later(does: Misbehaviour): Misbehaviour {
  return when(({ nth }) => nth > 0, does);
}

export function shorter(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.byteLength >> 1);
}

export function longer(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, Buffer.from("more")]);
}

function without({ headers }: WireAnswer, name: string): WireAnswer["headers"] {
  return headers.filter(([own]) => own.toLowerCase() !== name);
}

function placed(text: string, hosts: RegistryRequest["hosts"]): string {
  return text
    .replaceAll("HOST", hosts.registry)
    .replaceAll("STORAGE", hosts.storage)
    .replaceAll("STRANGER", hosts.stranger);
}
