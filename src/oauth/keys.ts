/** The keys of passwords, few at a time: each takes 32 MiB, and a thread of libuv for some 100 ms. */

import { Slots } from "../base/slots";
import { Abort } from "../base/until";
import { type AccountKey, deriveKey } from "./record";

/** The most keys that are made at once. */
const AT_ONCE = 2;

/**
 * The most that are wanted at once, besides those of passwords that have been right. When a gateway starts, all its
 * accounts may log in for the first time: so many wait for half a minute at most, which mail programs do.
 */
const WANTED = 256;

/** The most that are wanted of one account, so that guesses at one password do not put off the others. */
const WANTED_OF_ONE = 8;

/** The keys that are wanted. */
export class Keys {
  readonly #slots = new Slots(AT_ONCE);
  /** How many are wanted, by account. */
  readonly #wanted = new Map<string, number>();
  #all = 0;

  /**
   * Makes a key.
   *
   * @param id of the account
   * @param password latin1
   * @returns null: too many are wanted
   */
  async make(id: string, password: string, salt: string): Promise<AccountKey | null> {
    const own = this.#wanted.get(id) ?? 0;
    if (this.#all >= WANTED || own >= WANTED_OF_ONE) return null;
    this.#count(id, 1);
    try {
      return await this.makeKnown(password, salt);
    } finally {
      this.#count(id, -1);
    }
  }

  /** As `make`, of a password that is known to be right: each account has one, so that these need no bound. */
  async makeKnown(password: string, salt: string): Promise<AccountKey> {
    const give = await this.#slots.take(new Abort());
    try {
      return await deriveKey(password, salt);
    } finally {
      give();
    }
  }

  #count(id: string, change: 1 | -1): void {
    const own = (this.#wanted.get(id) ?? 0) + change;
    if (own > 0) this.#wanted.set(id, own);
    else this.#wanted.delete(id);
    this.#all += change;
  }
}
