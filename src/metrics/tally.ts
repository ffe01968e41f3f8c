/** Counts and measured times, by the values of labels: plain numbers, which are made into text when somebody asks. */

import { BUCKETS, type LabelValues } from "./families";

/** What stands between the values of a key; no value has it. */
const SEPARATOR = "\n";

/** A count for each combination of values. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(values: LabelValues, by = 1): void {
    const key = values.join(SEPARATOR);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + by);
  }

  /** The sum of the counts whose values this accepts. */
  sum(accepts: (values: LabelValues) => boolean = () => true): number {
    let sum = 0;
    for (const [key, count] of this.#counts) if (accepts(key.split(SEPARATOR))) sum += count;
    return sum;
  }

  get all(): readonly Count[] {
    return [...this.#counts].map(([key, count]) => [key.split(SEPARATOR), count] as const);
  }
}

/** The values of labels, and the count. */
export type Count = readonly [LabelValues, number];

/** Times of one combination of values. */
export interface Times {
  readonly values: LabelValues;
  /** How many were at most as long as the bound of each bucket, and longer than that of the one before. */
  readonly buckets: readonly number[];
  readonly count: number;
  /** In seconds. */
  readonly sum: number;
}

/** Measured times for each combination of values. */
export class Stopwatches {
  readonly #times = new Map<string, { buckets: number[]; count: number; sum: number }>();

  /** @param seconds how long it took */
  add(values: LabelValues, seconds: number): void {
    const key = values.join(SEPARATOR);
    let times = this.#times.get(key);
    if (!times) {
      times = { buckets: BUCKETS.map(() => 0), count: 0, sum: 0 };
      this.#times.set(key, times);
    }
    times.count++;
    times.sum += seconds;
    const at = BUCKETS.findIndex((bound) => seconds <= bound);
    if (at >= 0) times.buckets[at] = (times.buckets[at] as number) + 1;
  }

  get all(): readonly Times[] {
    return [...this.#times].map(([key, { buckets, count, sum }]) => {
      return { values: key.split(SEPARATOR), buckets: [...buckets], count, sum };
    });
  }
}
