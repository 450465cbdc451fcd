// What the registries that people use have in common, for the tables of their habits.

import { ACCOUNT, type PublicNames } from "./misbehaviour-row.ts";

export const IDENTITY = { identityToken: "canary-identity" };
export const forAll = { access: { scheme: "bearer" } } as const;
export const forAccount = { access: { scheme: "bearer", account: ACCOUNT } } as const;
export const forIdentity = { ...forAll, identityToken: IDENTITY.identityToken } as const;

/** The end of a pull whose blobs are kept elsewhere. */
export const STORED = ["config 307", "storage 200", "blob 307", "storage 200"];
/** All of it, with a token. */
export const WITH_TOKEN = ["manifest 401", "token 200", "manifest 200", ...STORED];

/** What nobody is told of an image of somebody else's. */
export const OWNER = "private or does not exist";

/** A registry that keeps its blobs elsewhere. Its tokens come from itself, unless another host is named. */
export function known(
  registry: string,
  storage: string,
  more: Partial<PublicNames> = {},
): PublicNames {
  return { registry, storage, stranger: "stranger.example", ...more };
}

export function isPost({ method }: { readonly method: string }): boolean {
  return method === "POST";
}
