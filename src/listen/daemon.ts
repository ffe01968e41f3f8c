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
  socket: ListeningSocket;
}

/** What came of opening listeners: with a fault, none is open. */
interface Tried {
  readonly opened: OpenListener[];
  readonly faults: readonly SystemFault[];
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
    const wanted = wantedBy(this.#listener.gateways);
    const { opened, faults } = await this.#tried(wanted, await located(wanted));
    if (faults[0]) throw faults[0];
    this.#open = opened;
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
    const opened = await this.#openedInstead(fresh, gone);
    this.#listener.gateways = gateways;
    for (const [{ socket }, wanted] of kept) Object.assign(socket, servedOf(wanted));
    for (const { socket } of gone) this.#listener.unlisten(socket);
    this.#listener.announce(opened.map(({ socket }) => socket));
    this.#open = [...kept.map(([{ socket }, { address }]) => ({ address, socket })), ...opened];
  }

  /**
   * Opens listeners. One that goes may be in the way of a new one, such as that of all interfaces on the same port: it
   * is closed first then, and opened again if the new one can't be opened. The system says that a port is in use only
   * after it has checked the right to the port and the address, so that is not likely.
   *
   * @throws Error in one line, with nothing changed
   */
  async #openedInstead(fresh: readonly WantedListener[], gone: readonly OpenListener[]): Promise<OpenListener[]> {
    const places = await located(fresh).catch((thrown: SystemFault) => {
      throw new Error(inWords(thrown));
    });
    const first = await this.#tried(fresh, places);
    const blocking = gone.filter((one) => first.faults.some((fault) => isBlocked(fault, one)));
    const hopeless = first.faults.find((fault) => !blocking.some((one) => isBlocked(fault, one)));
    if (hopeless) throw new Error(`${inWords(hopeless)}${this.#hint(hopeless)}`);
    if (blocking.length === 0) return first.opened;
    for (const { socket } of blocking) this.#listener.unlisten(socket, false);
    const { opened, faults } = await this.#tried(fresh, places);
    if (!faults[0]) return opened;
    const lost = await this.#reopen(blocking);
    throw new Error([faults[0], ...lost].map(inWords).join("; and "));
  }

  /** Opens listeners, all or none. @param places what node:net needs to listen there */
  async #tried(wanted: readonly WantedListener[], places: readonly ListenOptions[]): Promise<Tried> {
    const tries = wanted.map(async (one, index) => {
      const socket = await this.#listener.listen(places[index] as ListenOptions, servedOf(one));
      return { address: one.address, socket };
    });
    const results = await Promise.allSettled(tries);
    const opened = results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const faults = results.flatMap((one) => (one.status === "rejected" ? [one.reason as SystemFault] : []));
    if (faults.length > 0) for (const { socket } of opened) this.#listener.unlisten(socket, false);
    return { opened, faults };
  }

  /** Opens listeners again that were closed in vain. @returns the faults of those that are lost */
  async #reopen(closed: readonly OpenListener[]): Promise<SystemFault[]> {
    const faults: SystemFault[] = [];
    for (const one of closed) {
      const { place, gateway, arrival, proxy } = one.socket;
      try {
        one.socket = await this.#listener.listen(place, { gateway, arrival, proxy });
      } catch (thrown) {
        faults.push(thrown as SystemFault);
        this.#open = this.#open.filter((other) => other !== one);
      }
    }
    return faults;
  }

  /** What may mend a fault of a reload. */
  #hint(fault: SystemFault): string {
    if (fault.code === "EACCES") return "; or restart the gateway, which has given root up";
    const own = this.#open.find((one) => isBlocked(fault, one));
    if (!own) return "";
    return `: this gateway itself keeps ${showHostPort(own.address.host ?? "*", own.address.port)}`;
  }

  /** Serves; resolves after `close`. */
  async serve(): Promise<void> {
    // A signal to end may have come by now.
    if (!this.#listener.closing) this.#listener.announce();
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

/** Whether a listener on the same port may be why another one can't be opened. */
function isBlocked({ code, port }: SystemFault, { socket }: OpenListener): boolean {
  return code === "EADDRINUSE" && port === socket.place.port;
}

/** What node:net needs to listen there. @throws the system's error if a name can't be looked up */
function located(wanted: readonly WantedListener[]): Promise<ListenOptions[]> {
  return Promise.all(
    wanted.map(async ({ address: { host, port } }) => {
      if (host === null) return { port };
      return { port, host: isIP(host) ? host : (await lookup(host)).address };
    }),
  );
}
