/** What was counted in the last hour, for the charts of the status page. */

import type { Sample } from "./snapshot";

/** How often a sample is taken, in milliseconds, and how many are kept: an hour and its beginning. */
const SAMPLE_EVERY = 30_000;
const BOUND = 121;

/** Samples at regular times. */
export class History {
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;

  /** @param sample what has been counted by now */
  constructor(sample: () => Sample, every = SAMPLE_EVERY) {
    this.#take(sample());
    this.#timer = setInterval(() => this.#take(sample()), every).unref();
  }

  /** From the oldest on. */
  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** Takes no more samples. */
  close(): void {
    clearInterval(this.#timer);
  }

  #take(sample: Sample): void {
    this.#samples.push(sample);
    if (this.#samples.length > BOUND) this.#samples.shift();
  }
}
