/**
 * Names to addresses: all lookups of servers go through here. They ask getaddrinfo, so that /etc/hosts holds. Each
 * lookup occupies a thread of libuv until getaddrinfo returns, which for a dead zone takes many seconds. So names that
 * clients chose wait for a place in a queue, and names that the administrator gave always find a free thread.
 */

import { lookup as getaddrinfo } from "node:dns";
import { network } from "../base/address";
import { reasonOf } from "../base/faults";
import { timeLimit } from "../base/timelimit";
import type { Until } from "../base/until";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";

/**
 * The most lookups of names that clients chose: of one client, and in all. UV_THREADPOOL_SIZE is 64 (main.ts), so 40
 * threads are left for the administrator's names and for files.
 */
const PER_CLIENT = 2;
const IN_ALL = 24;

/** All addresses of a name, in the order in which they are to be tried. Rejects if there are none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export const systemResolve: Resolve = (host) =>
  new Promise((resolve, reject) => {
    getaddrinfo(host, { all: true, verbatim: true }, (fault, found) => {
      if (fault) reject(fault);
      else resolve(found.map(({ address }) => address));
    });
  });

/** A name to look up. */
export interface Wanted {
  readonly host: string;
  /** The address of the client on whose behalf the name is looked up. */
  readonly client: string;
  /** Whether the client chose the name. */
  readonly chosen: boolean;
}

/** A lookup that waits for a place. */
interface WaitingLookup {
  readonly client: string;
  start(): void;
}

export class Lookups {
  /** How many lookups of chosen names run for each client, and in all. */
  readonly #running = new Map<string, number>();
  #count = 0;
  /** In the order in which they came. */
  readonly #queue = new Set<WaitingLookup>();
  /** Lookups of the administrator's names that run. */
  readonly #shared = new Map<string, Promise<readonly string[]>>();

  /** @param resolve how a name is looked up */
  constructor(private readonly resolve: Resolve) {}

  /** How many lookups wait for a place. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * The addresses of a name.
   *
   * @param timeout after which the lookup is given up, the wait for a place included, in milliseconds
   * @param until gives up, with its reason
   * @throws the reason of `until`, or a Failure
   */
  addresses(wanted: Wanted, timeout: number, until: Until): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      const { host, chosen } = wanted;
      const leave = () => {
        this.#queue.delete(waiting);
        endLimit();
        until.removeEventListener("abort", gone);
      };
      const found = (addresses: readonly string[]) => {
        leave();
        resolve(addresses);
      };
      const unknown = (why: string) => {
        leave();
        reject(new Failure("server", "lookup", `${host} not found: ${why}`, replies.serverUnreachable));
      };
      const gone = () => {
        leave();
        reject(until.reason);
      };
      const waiting: WaitingLookup = {
        client: network(wanted.client),
        start: () => {
          const lookup = chosen ? this.#inPlace(waiting.client, host) : this.#together(host);
          lookup.then(found, (thrown: Error) => unknown(reasonOf(thrown)));
        },
      };
      const late = () => unknown(this.#queue.has(waiting) ? "too many lookups at once" : "no answer in time");
      const endLimit = timeLimit(timeout, late);
      until.addEventListener("abort", gone);
      if (until.aborted) gone();
      else if (chosen) this.#startOrWait(waiting);
      else waiting.start();
    });
  }

  #startOrWait(waiting: WaitingLookup): void {
    if (this.#hasPlace(waiting)) waiting.start();
    else this.#queue.add(waiting);
  }

  #hasPlace({ client }: WaitingLookup): boolean {
    return this.#count < IN_ALL && (this.#running.get(client) ?? 0) < PER_CLIENT;
  }

  /** Looks up a chosen name. The place is taken until the lookup ends, even after the end of its session. */
  async #inPlace(client: string, host: string): Promise<readonly string[]> {
    this.#count++;
    this.#running.set(client, (this.#running.get(client) ?? 0) + 1);
    try {
      return await this.resolve(host);
    } finally {
      this.#leave(client);
    }
  }

  #leave(client: string): void {
    this.#count--;
    const left = (this.#running.get(client) ?? 1) - 1;
    if (left > 0) this.#running.set(client, left);
    else this.#running.delete(client);
    for (const waiting of this.#queue) {
      if (this.#count >= IN_ALL) return;
      if (!this.#hasPlace(waiting)) continue;
      this.#queue.delete(waiting);
      waiting.start();
    }
  }

  /** Looks up a name of the administrator: sessions that want it at the same time share one lookup, and so one thread. */
  #together(host: string): Promise<readonly string[]> {
    const running = this.#shared.get(host);
    if (running) return running;
    const found = this.resolve(host).finally(() => this.#shared.delete(host));
    this.#shared.set(host, found);
    return found;
  }
}
