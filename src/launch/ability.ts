// Whether something works on a machine, and in which words that is told. Knows nothing that could work.

/** Whether something works: with what it offers, or with why it does not, each the end of a sentence. */
export type Ability =
  | { readonly works: true; readonly detail: string }
  | { readonly works: false; readonly why: string };

export function works(detail: string): Ability {
  return { works: true, detail };
}

export function fails(why: string): Ability {
  return { works: false, why };
}

/** The last of several that must all work, or the first that does not. */
export function all(...abilities: readonly [Ability, ...Ability[]]): Ability {
  return abilities.find((ability) => !ability.works) ?? abilities.at(-1) ?? abilities[0];
}
