/**
 * The daemon's door: its own listeners.
 */

import { lookup } from "node:dns/promises";
import { isIP, type ListenOptions } from "node:net";
import type { ListenAddress } from "../config/settings";
import type { Gateway } from "../gateway/gateway";
import { Listener } from "./listener";

export class Daemon {
  readonly #gateway: Gateway;
  readonly #listener: Listener;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
    this.#listener = new Listener(gateway);
  }

  /** Where it listens, once it does. */
  get ports(): readonly number[] {
    return this.#listener.ports;
  }

  /**
   * Listens everywhere that was asked for. Names are looked up before, so that all sockets are bound in one turn of the
   * event loop, and root can be dropped in it, too: before a client is read.
   *
   * @throws Error of the first place where it can't
   */
  async open(): Promise<void> {
    const { listen } = this.#gateway.config;
    const places = await Promise.all(listen.map(located));
    await Promise.all(places.map((place, index) => this.#listener.listen(place, listen[index]?.tls)));
  }

  /** Serves; resolves after `close`. */
  async serve(): Promise<void> {
    this.#listener.announce();
    await this.#listener.closed;
  }

  /** Accepts nobody any more, lets sessions end for a while, and ends those that do not; called again, ends all. */
  close(): Promise<void> {
    return this.#listener.close();
  }
}

async function located({ host, port }: ListenAddress): Promise<ListenOptions> {
  if (host === null) return { port };
  return { port, host: isIP(host) ? host : (await lookup(host)).address };
}
