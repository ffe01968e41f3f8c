/**
 * How many sessions there may be, in all and of one client. When the gateway is full, the oldest session that has not
 * logged in gives way, so that idle sockets cannot keep users out.
 */

import type { Connection } from "../connection/connection";
import { Failure } from "../protocol/failure";
import { texts } from "../protocol/response";

/** So many that gave way may still be hearing why; with more of them, they are cut off. */
const LEAVING_BOUND = 100;

export class Limits {
  readonly #perClient = new Map<string, number>();
  /** Those that have not logged in, oldest first. */
  readonly #waiting = new Set<Connection>();
  readonly #all = new Set<Connection>();
  /** Those that gave way and are not gone yet. */
  readonly #leaving = new Set<Connection>();

  constructor(
    private readonly max: number,
    private readonly maxPerClient: number,
  ) {}

  /**
   * Counts a new client in, until `leave`.
   *
   * @returns null, or the status line that refuses it
   */
  admit(client: Connection): string | null {
    const { address } = client.peer;
    // Without a network all clients have the same address, which is none.
    if (address !== "" && this.#countOf(address) >= this.maxPerClient) return texts.tooManyOfClient;
    if (this.#all.size >= this.max && !this.#makeRoom()) return texts.tooManySessions;
    this.#perClient.set(address, this.#countOf(address) + 1);
    this.#all.add(client);
    this.#waiting.add(client);
    return null;
  }

  /** This client keeps its place from now on. */
  loggedIn(client: Connection): void {
    this.#waiting.delete(client);
  }

  #countOf(address: string): number {
    return this.#perClient.get(address) ?? 0;
  }

  #makeRoom(): boolean {
    for (const oldest of this.#waiting) {
      this.leave(oldest);
      this.#leaving.add(oldest);
      oldest.fail(new Failure("client", "gave way to a newer session", texts.tooManySessions));
      if (this.#leaving.size > LEAVING_BOUND) oldest.destroy();
      return true;
    }
    return false;
  }

  /** Nothing is left of this session; or it was made to give way, and does not count any more. */
  leave(client: Connection): void {
    this.#waiting.delete(client);
    this.#leaving.delete(client);
    if (!this.#all.delete(client)) return;
    const { address } = client.peer;
    const count = this.#countOf(address) - 1;
    if (count > 0) this.#perClient.set(address, count);
    else this.#perClient.delete(address);
  }
}
