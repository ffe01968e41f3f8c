/** A small generator of numbers that gives the same ones for the same seed, everywhere (mulberry32). */

export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 to 1, without 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** A whole number from 0, below `bound`. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** Whether something of this probability happens. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  /** So many octets of these characters. */
  text(characters: string, count: number): string {
    let text = "";
    while (text.length < count) text += characters[this.below(characters.length)];
    return text;
  }

  /** Another generator: what is drawn from one does not change what is drawn from the other. */
  fork(name: string): Random {
    let seed = this.seed;
    for (const character of name) seed = Math.imul(seed ^ character.charCodeAt(0), 0x01000193);
    return new Random(seed ^ (seed >>> 13));
  }

  /** Octets in segments: mostly few, sometimes one octet each. */
  segments(octets: string): string[] {
    if (octets.length < 2 || this.chance(0.4)) return [octets];
    if (octets.length <= 60 && this.chance(0.1)) return [...octets];
    const cuts = Array.from({ length: 1 + this.below(4) }, () => this.below(octets.length)).sort((a, b) => a - b);
    const ends = [...cuts, octets.length];
    return ends.map((end, index) => octets.slice(ends[index - 1] ?? 0, end)).filter((segment) => segment !== "");
  }
}
