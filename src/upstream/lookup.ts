/**
 * Names to addresses: all lookups of servers go through here. They ask getaddrinfo, so that /etc/hosts holds. A few
 * lookups of a dead zone would occupy every thread of getaddrinfo, so each client has only so many at a time.
 */

import { lookup as getaddrinfo } from "node:dns";
import { network } from "../base/address";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";

/** The most lookups of one client at a time. */
const PER_CLIENT = 2;

/** All addresses of a name, in the order in which they are to be tried. Rejects if there are none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export const systemResolve: Resolve = (host) =>
  new Promise((resolve, reject) => {
    getaddrinfo(host, { all: true, verbatim: true }, (fault, found) => {
      if (fault) reject(fault);
      else resolve(found.map(({ address }) => address));
    });
  });

export class Lookups {
  readonly #running = new Map<string, { count: number; readonly waiting: (() => void)[] }>();

  /** @param resolve how a name is looked up */
  constructor(private readonly resolve: Resolve) {}

  /**
   * The addresses of a name, on behalf of a client.
   *
   * @param client its address
   * @param timeout after which the lookup is given up, in milliseconds
   * @param until gives up, with its reason
   * @throws Failure
   */
  addresses(host: string, client: string, timeout: number, until: AbortSignal): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      let wanted = true;
      const unknown = (why: string) =>
        settle(new Failure("server", "lookup", `${host} not found: ${why}`, replies.serverUnreachable));
      const gone = () => settle(until.reason);
      const timer = setTimeout(unknown, timeout, "no answer in time");
      const settle = (outcome: readonly string[] | Failure) => {
        wanted = false;
        clearTimeout(timer);
        until.removeEventListener("abort", gone);
        if (outcome instanceof Failure) reject(outcome);
        else resolve(outcome);
      };
      until.addEventListener("abort", gone);
      if (until.aborted) gone();
      this.#inTurn(network(client), () => (wanted ? this.resolve(host) : Promise.resolve([]))).then(
        settle,
        (thrown: Error) => unknown(thrown.message),
      );
    });
  }

  /** Runs a lookup when this client has a place; the place is taken until the lookup ends, whoever still waits for it. */
  async #inTurn<Result>(client: string, run: () => Promise<Result>): Promise<Result> {
    const mine = this.#running.get(client) ?? { count: 0, waiting: [] };
    this.#running.set(client, mine);
    if (mine.count < PER_CLIENT) mine.count++;
    else await new Promise<void>((resolve) => mine.waiting.push(resolve));
    try {
      return await run();
    } finally {
      const next = mine.waiting.shift();
      if (next) next();
      else if (--mine.count === 0) this.#running.delete(client);
    }
  }
}
