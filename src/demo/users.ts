/**
 * Who has which mails, and who is logged in. Whoever comes has the sample; what a user deleted stays deleted as long
 * as the process lives. Only maildrops that are no longer the sample are remembered, and of those the latest ones.
 */

import type { Mail } from "./mail";

/** Maildrops remembered at once; of one more, the one that was left longest ago is the sample again. */
const BOUND = 1000;

export class Users {
  readonly #sample: () => readonly Mail[];
  readonly #loggedIn = new Set<string>();
  /** In the order in which they were left. None of them is locked: a session takes its own out. */
  readonly #changed = new Map<string, readonly Mail[]>();

  /** @param sample what everybody starts with; asked at a login, always with the same answer */
  constructor(sample: () => readonly Mail[]) {
    this.#sample = sample;
  }

  /** Locks a user's maildrop (RFC 1939, 4) and gives its mails; null: another session has it. */
  lock(user: string): readonly Mail[] | null {
    if (this.#loggedIn.has(user)) return null;
    const mails = this.#changed.get(user) ?? this.#sample();
    this.#changed.delete(user);
    this.#loggedIn.add(user);
    return mails;
  }

  /** Ends what `lock` began. @param mails what is in the maildrop from now on */
  unlock(user: string, mails: readonly Mail[]): void {
    this.#loggedIn.delete(user);
    // Only DELE changes a maildrop, so that as many mails are the same mails.
    if (mails.length === this.#sample().length) return;
    this.#changed.set(user, mails);
    for (const oldest of this.#changed.keys()) {
      if (this.#changed.size <= BOUND) break;
      this.#changed.delete(oldest);
    }
  }
}
