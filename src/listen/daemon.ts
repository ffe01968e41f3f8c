/** The daemon: it accepts clients on listeners of its own. */

import { lookup } from "node:dns/promises";
import { isIP, type ListenOptions } from "node:net";
import type { ListenAddress } from "../config/settings";
import type { Listener } from "./listener";

export class Daemon {
  readonly #listener: Listener;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  /** Where it listens, once it does. */
  get ports(): readonly number[] {
    return this.#listener.ports;
  }

  /**
   * Listens everywhere that was asked for. Names are looked up before, so that all sockets are bound in one turn of the
   * event loop. The caller drops root in the same turn: before a client is read.
   *
   * @throws Error of the first address where it can't
   */
  async open(): Promise<void> {
    const { listen } = this.#listener.gateway.service;
    const places = await Promise.all(listen.map(located));
    await Promise.all(places.map((place, index) => this.#listener.listen(place, listen[index]?.tls)));
  }

  /** Serves; resolves after `close`. */
  async serve(): Promise<void> {
    this.#listener.announce();
    await this.#listener.closed;
  }

  /** Accepts no client any more, lets sessions end for a while, and ends those that do not; called again, ends all. */
  close(): Promise<void> {
    return this.#listener.close();
  }
}

async function located({ host, port }: ListenAddress): Promise<ListenOptions> {
  if (host === null) return { port };
  return { port, host: isIP(host) ? host : (await lookup(host)).address };
}
