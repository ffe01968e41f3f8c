/**
 * Lookups of server names, by getaddrinfo(3), so that /etc/hosts counts. A few lookups in a zone whose name servers do
 * not answer would occupy all threads of getaddrinfo, so each client has at most two lookups at a time.
 */

import { lookup as getaddrinfo } from "node:dns";
import { network } from "../base/address";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";

/** The most lookups of one client at a time. */
const PER_CLIENT = 2;

/** Looks up all addresses of a name, in the order in which they are to be tried. Rejects if there are none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** Looks a name up as the system does, by getaddrinfo(3). */
export const systemResolve: Resolve = (host) =>
  new Promise((resolve, reject) => {
    getaddrinfo(host, { all: true, verbatim: true }, (fault, found) => {
      if (fault) reject(fault);
      else resolve(found.map(({ address }) => address));
    });
  });

/** The lookups of all clients. */
export class Lookups {
  readonly #running = new Map<string, { count: number; readonly waiting: (() => void)[] }>();

  /** @param resolve how a name is looked up */
  constructor(private readonly resolve: Resolve) {}

  /**
   * Looks a name up on behalf of a client.
   *
   * @param client the client's address
   * @param timeout how long the lookup may take, with the wait for its turn, in milliseconds
   * @param until aborts the lookup, with the signal's reason
   * @throws Failure if there is no address, or none in time; the reason of `until`
   */
  addresses(host: string, client: string, timeout: number, until: AbortSignal): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      let wanted = true;
      const unknown = (why: string) =>
        settle(new Failure("server", "lookup", `${host} not found: ${why}`, replies.serverUnreachable));
      const aborted = () => settle(until.reason);
      const timer = setTimeout(unknown, timeout, "no answer in time");
      const settle = (outcome: readonly string[] | Failure) => {
        wanted = false;
        clearTimeout(timer);
        until.removeEventListener("abort", aborted);
        if (outcome instanceof Failure) reject(outcome);
        else resolve(outcome);
      };
      until.addEventListener("abort", aborted);
      if (until.aborted) aborted();
      this.#inTurn(network(client), () => (wanted ? this.resolve(host) : Promise.resolve([]))).then(
        settle,
        (thrown: Error) => unknown(thrown.message),
      );
    });
  }

  /**
   * Runs a lookup when the client has fewer than PER_CLIENT. It counts until it ends, even if the caller has aborted.
   */
  async #inTurn<Result>(client: string, run: () => Promise<Result>): Promise<Result> {
    const lookups = this.#running.get(client) ?? { count: 0, waiting: [] };
    this.#running.set(client, lookups);
    if (lookups.count < PER_CLIENT) lookups.count++;
    else await new Promise<void>((resolve) => lookups.waiting.push(resolve));
    try {
      return await run();
    } finally {
      const next = lookups.waiting.shift();
      if (next) next();
      else if (--lookups.count === 0) this.#running.delete(client);
    }
  }
}
