/**
 * The limits on the number of sessions, in all and of one client. When the limit in all is reached, a new client
 * displaces the oldest session that has not logged in, so that idle connections can't keep users out.
 */

import { network } from "../base/address";
import { isWithin } from "../base/cidr";
import type { Limits } from "../config/settings";
import type { Connection } from "../connection/connection";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";

/** How many displaced sessions may still send their reply; beyond it, a displaced connection is closed at once. */
const LEAVING_BOUND = 100;

/** Why a client is turned away. */
export interface TurnAway {
  readonly code: "max-sessions" | "max-per-client";
  /** The status line for the client, and the reason for the log. */
  readonly reply: string;
}

/** The sessions that count for the limits. */
export class SessionLimits {
  /** How many sessions each client has in each service, by `network` of its address. */
  readonly #perClient = new Map<string, number>();
  /** The sessions that have not logged in, oldest first. */
  readonly #waiting = new Set<Connection>();
  /** All sessions, each with what it counts for in `#perClient`; null: nothing. */
  readonly #all = new Map<Connection, string | null>();
  /** The displaced sessions whose connections are not closed yet. */
  readonly #leaving = new Set<Connection>();

  /**
   * Counts a new session, until `leave`.
   *
   * @param bounds the most sessions, in all and of one client of this service, and to whom the latter does not apply
   * @param service its name
   * @returns null, or why the client is turned away
   */
  admit(client: Connection, bounds: Pick<Limits, "sessions" | "perClient" | "exempt">, service = ""): TurnAway | null {
    const { address } = client.peer;
    // Clients without a network all have the address "", so the limit of one client does not apply to them.
    const counted = address === "" || isWithin(address, bounds.exempt) ? null : `${service} ${network(address)}`;
    const count = counted === null ? 0 : (this.#perClient.get(counted) ?? 0);
    if (count >= bounds.perClient) {
      return { code: "max-per-client", reply: replies.tooManyOfClient };
    }
    if (this.#all.size >= bounds.sessions && !this.#makeRoom()) {
      return { code: "max-sessions", reply: replies.tooManySessions };
    }
    // To make room may have ended a session of the same client.
    if (counted !== null) this.#perClient.set(counted, (this.#perClient.get(counted) ?? 0) + 1);
    this.#all.set(client, counted);
    this.#waiting.add(client);
    return null;
  }

  /** From now on no other client displaces this session. */
  loggedIn(client: Connection): void {
    this.#waiting.delete(client);
  }

  /** Displaces the oldest session that has not logged in; false: there is none. */
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

  /** The session has ended, or was displaced, and does not count any more. */
  leave(client: Connection): void {
    this.#waiting.delete(client);
    this.#leaving.delete(client);
    const counted = this.#all.get(client) ?? null;
    this.#all.delete(client);
    if (counted === null) return;
    const count = (this.#perClient.get(counted) ?? 0) - 1;
    if (count > 0) this.#perClient.set(counted, count);
    else this.#perClient.delete(counted);
  }
}
