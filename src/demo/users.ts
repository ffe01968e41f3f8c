/**
 * The maildrops of the sample server and their locks. Each user has the sample at first. What a user deletes stays
 * deleted until the process ends. Only maildrops that differ from the sample are kept, and of them the latest.
 */

import type { Mail } from "./mail";

/** The most maildrops that are kept; with one more, the one that was unlocked longest ago becomes the sample again. */
const BOUND = 1000;

/** The maildrops of all users. */
export class Users {
  readonly #sample: () => readonly Mail[];
  readonly #loggedIn = new Set<string>();
  /** By user, in the order of `unlock`. None of these maildrops is locked: `lock` takes a maildrop out. */
  readonly #changed = new Map<string, readonly Mail[]>();

  /** @param sample gives the mails of every user at first; called at each login, and always gives the same mails */
  constructor(sample: () => readonly Mail[]) {
    this.#sample = sample;
  }

  /** Locks a user's maildrop (RFC 1939, 4) and gives its mails; null: another session has the lock. */
  lock(user: string): readonly Mail[] | null {
    if (this.#loggedIn.has(user)) return null;
    const mails = this.#changed.get(user) ?? this.#sample();
    this.#changed.delete(user);
    this.#loggedIn.add(user);
    return mails;
  }

  /** Unlocks a maildrop. @param mails what is in the maildrop from now on */
  unlock(user: string, mails: readonly Mail[]): void {
    this.#loggedIn.delete(user);
    // A maildrop only shrinks, so that a maildrop with as many mails as the sample is the sample.
    if (mails.length === this.#sample().length) return;
    this.#changed.set(user, mails);
    for (const oldest of this.#changed.keys()) {
      if (this.#changed.size <= BOUND) break;
      this.#changed.delete(oldest);
    }
  }
}
