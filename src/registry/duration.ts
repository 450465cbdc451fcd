// Lengths of time in words, for sentences. Pure.

const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
] as const;

/** A length of time as a person would say it: "6 hours", "15 minutes", "1.2 seconds". */
export function inWords(ms: number): string {
  // From two of a unit on: "90 minutes" is closer than "2 hours", and "36 hours" than "2 days".
  const [unit, length] = UNITS.find(([, length]) => ms >= 2 * length || ms === length) ?? UNITS[3];
  const tenths = ms < 10_000 ? 10 : 1;
  const count = Math.round((ms / length) * tenths) / tenths;
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
