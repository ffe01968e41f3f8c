/** The daemon: it opens the listeners of the settings. */

import { lookup } from "node:dns/promises";
import { isIP, type ListenOptions } from "node:net";
import type { ListenAddress } from "../config/settings";
import type { Arrival } from "../session/needs";
import type { Listener } from "./listener";

/** The gateway as a daemon. */
export class Daemon {
  readonly #listener: Listener;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  /** The ports that it listens on, after `open`. */
  get ports(): readonly number[] {
    return this.#listener.ports;
  }

  /**
   * Opens all listeners. Names are looked up first, so that all sockets are bound in one turn of the event loop. The
   * caller drops root in the same turn, before any octet of a client is read.
   *
   * @throws the system's error of the first address that can't be looked up or bound
   */
  async open(): Promise<void> {
    const { listen } = this.#listener.gateway.service;
    const places = await Promise.all(listen.map(located));
    await Promise.all(
      places.map((place, index) => this.#listener.listen(place, arrivalOf(listen[index]), listen[index]?.proxy)),
    );
  }

  /** Serves; resolves after `close`. */
  async serve(): Promise<void> {
    this.#listener.announce();
    await this.#listener.closed;
  }

  /** As `Listener.close`. */
  close(): Promise<void> {
    return this.#listener.close();
  }
}

function arrivalOf(listen: ListenAddress | undefined): Arrival {
  return { tls: listen?.tls ?? "none", defaultServers: listen?.servers };
}

/** What node:net needs to listen there. @throws the system's error if the name can't be looked up */
async function located({ host, port }: ListenAddress): Promise<ListenOptions> {
  if (host === null) return { port };
  return { port, host: isIP(host) ? host : (await lookup(host)).address };
}
