/**
 * How many sessions there may be, in all and of one client. When there are as many as there may be, the oldest session
 * that has not logged in gives way, so that idle connections can't keep users out.
 */

import { network } from "../base/address";
import type { Connection } from "../connection/connection";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";

/** So many that gave way may still be hearing why; with more of them, they are cut off. */
const LEAVING_BOUND = 100;

/** Why a client is turned away. */
export interface TurnAway {
  readonly code: "max-sessions" | "max-per-client";
  readonly reply: string;
}

export class SessionLimits {
  /** Sessions of each client, by its network. */
  readonly #perClient = new Map<string, number>();
  /** Those that have not logged in, oldest first. */
  readonly #waiting = new Set<Connection>();
  readonly #all = new Set<Connection>();
  /** Those that gave way and are not gone yet. */
  readonly #leaving = new Set<Connection>();

  /**
   * Counts a new client in, until `leave`.
   *
   * @param bounds how many sessions there may be, in all and of one client
   * @returns null, or why it is turned away
   */
  admit(client: Connection, bounds: { readonly sessions: number; readonly perClient: number }): TurnAway | null {
    const { address } = client.peer;
    // Without a network all clients have the same address, which is none.
    if (address !== "" && this.#countOf(address) >= bounds.perClient) {
      return { code: "max-per-client", reply: replies.tooManyOfClient };
    }
    if (this.#all.size >= bounds.sessions && !this.#makeRoom()) {
      return { code: "max-sessions", reply: replies.tooManySessions };
    }
    this.#perClient.set(network(address), this.#countOf(address) + 1);
    this.#all.add(client);
    this.#waiting.add(client);
    return null;
  }

  /** This client keeps its place from now on. */
  loggedIn(client: Connection): void {
    this.#waiting.delete(client);
  }

  #countOf(address: string): number {
    return this.#perClient.get(network(address)) ?? 0;
  }

  #makeRoom(): boolean {
    for (const oldest of this.#waiting) {
      this.leave(oldest);
      this.#leaving.add(oldest);
      oldest.fail(new Failure("client", "displaced", "gave way to a newer session", replies.tooManySessions));
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
    const key = network(client.peer.address);
    const count = (this.#perClient.get(key) ?? 0) - 1;
    if (count > 0) this.#perClient.set(key, count);
    else this.#perClient.delete(key);
  }
}
