/**
 * How many sessions there may be, in all and of one client. When the house is full, the oldest session that has not
 * logged in gives way, so that idle sockets cannot keep users out.
 */

import type { Connection } from "../connection";
import { Failure } from "../failure";
import { texts } from "../protocol/response";

export class Limits {
  readonly #perClient = new Map<string, number>();
  /** Those that have not logged in, oldest first. */
  readonly #waiting = new Set<Connection>();
  readonly #all = new Set<Connection>();

  constructor(
    private readonly max: number,
    private readonly maxPerClient: number,
  ) {}

  get sessions(): ReadonlySet<Connection> {
    return this.#all;
  }

  /**
   * Counts a new client in, until its stream closes.
   *
   * @returns null, or the status line that refuses it
   */
  admit(client: Connection): string | null {
    const { address } = client.peer;
    const count = this.#perClient.get(address) ?? 0;
    if (count >= this.maxPerClient) return texts.tooManyOfClient;
    if (this.#all.size >= this.max && !this.#makeRoom()) return texts.tooManySessions;
    this.#perClient.set(address, count + 1);
    this.#all.add(client);
    this.#waiting.add(client);
    client.stream.once("close", () => this.#leave(client));
    return null;
  }

  /** This client keeps its place from now on. */
  loggedIn(client: Connection): void {
    this.#waiting.delete(client);
  }

  #makeRoom(): boolean {
    for (const oldest of this.#waiting) {
      this.#forget(oldest);
      oldest.fail(new Failure("client", "gave way to a newer session", texts.tooManySessions));
      return true;
    }
    return false;
  }

  #leave(client: Connection): void {
    if (this.#all.has(client)) this.#forget(client);
  }

  #forget(client: Connection): void {
    this.#waiting.delete(client);
    this.#all.delete(client);
    const { address } = client.peer;
    const count = (this.#perClient.get(address) ?? 1) - 1;
    if (count > 0) this.#perClient.set(address, count);
    else this.#perClient.delete(address);
  }
}
