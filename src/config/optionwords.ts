/** Names of options in messages. */

import { longName } from "./optionrows";
import { OPTIONS } from "./optiontable";

/** The long names by the short ones. */
const LONG: ReadonlyMap<string, string> = new Map(
  OPTIONS.flatMap((row) => {
    const short = /^-(\w),/.exec(row.flags)?.[1];
    return short === undefined ? [] : [[short, longName(row)] as const];
  }),
);

/** An option as a message for the command line names it. */
const OPTION = /(?<![\w-])(?:--([a-z][a-z0-9-]*[a-z0-9])|-([a-zA-Z])\b)/g;

/** A message as it is said of a configuration file, whose keys are the long names of options. */
export function inFileWords(message: string): string {
  return message
    .replace(OPTION, (option, long?: string, short = "") => long ?? LONG.get(short) ?? option)
    .replace("leave the operand out", "leave server out")
    .replace("name one, such as mail.example.org", 'name one, such as server = "mail.example.org"');
}

/** The keys that a message names, in their order. */
export function mentioned(message: string): string[] {
  return [...message.matchAll(OPTION)].flatMap(([, long, short = ""]) => long ?? LONG.get(short) ?? []);
}

/** The name that is most like a wrong one; null: none is like it. */
export function nearest(wrong: string, names: readonly string[]): string | null {
  const bound = Math.max(1, Math.floor(wrong.length * 0.4));
  const wanted = wrong.toLowerCase().replaceAll("_", "-");
  let best: { name: string; distance: number } | null = null;
  for (const name of names) {
    const distance = distanceOf(wanted, name);
    if (distance <= bound && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { name, distance };
  }
  return best?.name ?? null;
}

/** How many letters must be put in, taken out or replaced (Levenshtein's distance). */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = (row[j - 1] as number) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[other.length] as number;
}
