/** The daemon: it opens the listeners of the settings, and at a reload those that are new. */

import { lookup } from "node:dns/promises";
import { isIP, type ListenOptions } from "node:net";
import { showHostPort } from "../base/address";
import { inWords, type SystemFault } from "../base/faults";
import type { ListenAddress } from "../config/settings";
import type { Gateway } from "../gateway/gateway";
import type { Listener } from "./listener";
import type { ListeningSocket, Served } from "./sockets";

/** A listener of the settings. */
interface WantedListener {
  readonly address: ListenAddress;
  readonly gateway: Gateway;
}

/** A listener of the settings that is open. */
interface OpenListener {
  readonly address: ListenAddress;
  readonly socket: ListeningSocket;
}

/** The gateway as a daemon. */
export class Daemon {
  readonly #listener: Listener;
  #open: readonly OpenListener[] = [];

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
    this.#open = await this.#opened(wantedBy(this.#listener.gateways));
  }

  /**
   * Serves new clients with these gateways: opens the listeners that are new, and closes those that are gone. A listener
   * that stays keeps its socket, in whichever service it is.
   *
   * @throws Error in one line, with nothing changed, if a listener can't be opened
   */
  async replace(gateways: Listener["gateways"]): Promise<void> {
    if (wantedBy(gateways).length === 0) throw new Error("no service has listen: a daemon needs a listener");
    const gone = [...this.#open];
    const kept: [OpenListener, WantedListener][] = [];
    const fresh: WantedListener[] = [];
    for (const wanted of wantedBy(gateways)) {
      const index = gone.findIndex(({ address }) => isSamePlace(address, wanted.address));
      if (index < 0) fresh.push(wanted);
      else kept.push([gone.splice(index, 1)[0] as OpenListener, wanted]);
    }
    const opened = await this.#opened(fresh).catch((thrown: SystemFault) => {
      throw new Error(`${inWords(thrown)}${this.#restart(thrown)}`);
    });
    this.#listener.gateways = gateways;
    for (const [{ socket }, wanted] of kept) Object.assign(socket, servedOf(wanted));
    for (const { socket } of gone) this.#listener.unlisten(socket);
    this.#listener.announce(opened.map(({ socket }) => socket));
    this.#open = [...kept.map(([{ socket }, { address }]) => ({ address, socket })), ...opened];
  }

  /** Opens listeners, all or none. @throws the system's error */
  async #opened(wanted: readonly WantedListener[]): Promise<OpenListener[]> {
    const places = await Promise.all(wanted.map(({ address }) => located(address)));
    const tries = wanted.map(async (one, index) => {
      const socket = await this.#listener.listen(places[index] as ListenOptions, servedOf(one));
      return { address: one.address, socket };
    });
    const results = await Promise.allSettled(tries);
    const opened = results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const failed = results.find((one) => one.status === "rejected");
    if (!failed) return opened;
    for (const { socket } of opened) this.#listener.unlisten(socket, false);
    throw failed.reason;
  }

  /** What may mend a fault that would not be there after a restart. */
  #restart({ code, port }: SystemFault): string {
    if (code === "EACCES") return "; or restart the gateway, which has given root up";
    const own = this.#open.find(({ socket }) => (socket.server.address() as { port?: number } | null)?.port === port);
    if (code !== "EADDRINUSE" || !own) return "";
    return `: this gateway itself listens on ${showHostPort(own.address.host ?? "*", own.address.port)}; restart it`;
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

function wantedBy(gateways: readonly Gateway[]): WantedListener[] {
  return gateways.flatMap((gateway) => gateway.service.listen.map((address) => ({ address, gateway })));
}

function isSamePlace(one: ListenAddress, other: ListenAddress): boolean {
  return one.host === other.host && one.port === other.port;
}

function servedOf({ address: { tls = "none", servers, proxy = false }, gateway }: WantedListener): Served {
  return { gateway, arrival: { tls, defaultServers: servers }, proxy };
}

/** What node:net needs to listen there. @throws the system's error if the name can't be looked up */
async function located({ host, port }: ListenAddress): Promise<ListenOptions> {
  if (host === null) return { port };
  return { port, host: isIP(host) ? host : (await lookup(host)).address };
}
