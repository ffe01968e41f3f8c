/**
 * Many patterns with `?` and `*`, of which the first one that matches a text is wanted, in less time than it takes to
 * try them all: a pattern is looked for by the text behind its last wildcard, or by that before its first one. A text is
 * one octet a character (latin1), and the case of ASCII letters does not matter.
 */

/** The most characters by which a pattern is looked for. Each length up to it costs a lookup. */
const KEY_BOUND = 24;

/** In the place of a first character: the pattern begins with a wildcard. */
const ANYTHING = -1;

/** A pattern, in lower case. */
interface Pattern<Value> {
  readonly order: number;
  readonly text: string;
  /** What stands before the first wildcard, and the code of its first character, which is compared first. */
  readonly prefix: string;
  readonly initial: number;
  readonly value: Value;
}

/** Patterns by the first or the last characters of what they match: by the number of characters, then by these. */
type Keyed<Value> = Map<number, Map<string, Pattern<Value>[]>>;

/** Patterns in their order. */
export class Patterns<Value> {
  readonly #ending: Keyed<Value> = new Map();
  readonly #beginning: Keyed<Value> = new Map();
  #count = 0;

  get size(): number {
    return this.#count;
  }

  /** Adds a pattern behind the others. @param text in lower case */
  add(text: string, value: Value): void {
    const prefix = /^[^*?]*/.exec(text)?.[0] ?? "";
    const suffix = /[^*?]*$/.exec(text)?.[0] ?? "";
    const initial = prefix === "" ? ANYTHING : prefix.charCodeAt(0);
    const pattern = { order: this.#count++, text, prefix, initial, value };
    if (suffix.length >= prefix.length) file(this.#ending, suffix.slice(-KEY_BOUND), pattern);
    else file(this.#beginning, prefix.slice(0, KEY_BOUND), pattern);
  }

  /** The value of the first pattern that matches; undefined: none does. @param text in lower case */
  first(text: string): Value | undefined {
    let best: Pattern<Value> | undefined;
    const initial = text.charCodeAt(0);
    const consider = (patterns: readonly Pattern<Value>[] | undefined) => {
      for (const one of patterns ?? []) {
        if (best && best.order < one.order) return;
        if (one.initial !== initial && one.initial !== ANYTHING) continue;
        if (text.startsWith(one.prefix) && matches(one.text, text)) best = one;
      }
    };
    for (const [length, keyed] of this.#ending) {
      if (length <= text.length) consider(keyed.get(text.slice(text.length - length)));
    }
    for (const [length, keyed] of this.#beginning) {
      if (length <= text.length) consider(keyed.get(text.slice(0, length)));
    }
    return best?.value;
  }
}

function file<Value>(keyed: Keyed<Value>, key: string, pattern: Pattern<Value>): void {
  const ofLength = keyed.get(key.length) ?? new Map<string, Pattern<Value>[]>();
  keyed.set(key.length, ofLength);
  const same = ofLength.get(key);
  if (same) same.push(pattern);
  else ofLength.set(key, [pattern]);
}

const ANY = "*".charCodeAt(0);
const ONE = "?".charCodeAt(0);

/**
 * Whether a pattern matches a whole text. Only the last `*` is ever tried anew, so the time is at most the product of
 * both lengths.
 */
export function matches(pattern: string, text: string): boolean {
  let [at, place] = [0, 0];
  let [star, from] = [-1, 0];
  while (place < text.length) {
    const code = pattern.charCodeAt(at);
    if (code === ANY) {
      star = at++;
      from = place;
    } else if (code === ONE || code === text.charCodeAt(place)) {
      at++;
      place++;
    } else if (star >= 0) {
      at = star + 1;
      place = ++from;
    } else {
      return false;
    }
  }
  while (pattern.charCodeAt(at) === ANY) at++;
  return at === pattern.length;
}
