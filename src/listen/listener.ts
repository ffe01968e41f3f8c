/** The listener of the daemon and of a superserver's sockets: it accepts clients within the limits. */

import { createServer, type ListenOptions, type Socket } from "node:net";
import { reasonOf } from "../base/faults";
import type { TlsMode } from "../config/settings";
import type { Connection } from "../connection/connection";
import type { Gateway } from "../gateway/gateway";
import type { ProxyHeader } from "../protocol/proxyheader";
import type { Arrival } from "../session/needs";
import type { OwnPlace } from "../upstream/own";
import { Connections } from "./connections";
import { SessionLimits, type TurnAway } from "./limits";
import { arrivalWith } from "./proxied";
import { addressOf, clientOf, type ListeningSocket, listening, type Served } from "./sockets";

/** How many clients that are turned away may still read the reply; beyond it, a connection is closed at once. */
const TURNED_AWAY_BOUND = 100;

/** Listening sockets, and the way of their clients into a session. */
export class Listener {
  /** The gateways of all services, which share one memory. A reload replaces them. */
  gateways: readonly [Gateway, ...Gateway[]];
  /** How long sessions may go on after `close`, in milliseconds. */
  drain: number;
  readonly #limits = new SessionLimits();
  readonly #connections = new Connections();
  readonly #sockets = new Set<ListeningSocket>();
  /** Addresses that lead to this process besides those of the sockets. */
  readonly #passed: OwnPlace[] = [];
  #turnedAway = 0;

  /** @param drain how long sessions may go on after `close`, in milliseconds */
  constructor(gateways: readonly [Gateway, ...Gateway[]], drain: number) {
    this.gateways = gateways;
    this.drain = drain;
  }

  /** Resolves when all is closed, after `close`. */
  get closed(): Promise<void> {
    return this.#connections.ended;
  }

  /** Whether `close` was called. */
  get closing(): boolean {
    return this.#connections.ending;
  }

  /** How many clients are connected. */
  get clients(): number {
    return this.#connections.clients;
  }

  /** Whether clients are accepted. */
  get accepting(): boolean {
    return !this.closing && this.#sockets.size > 0;
  }

  /** The sockets that listen. */
  get sockets(): Iterable<ListeningSocket> {
    return this.#sockets;
  }

  /** The ports that it listens on. */
  get ports(): readonly number[] {
    return [...this.#sockets].map(({ place }) => place.port);
  }

  /**
   * Opens a listener.
   *
   * @param where a port, or a descriptor that listens already
   * @throws the system's error, or Error after `close`
   */
  async listen(where: ListenOptions | { readonly fd: number }, served: Served): Promise<ListeningSocket> {
    const ends = () => new Error("the gateway ends");
    if (this.closing) throw ends();
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket, own));
    await listening(server, where);
    const own: ListeningSocket = { server, place: addressOf(server), ...served };
    if (this.closing) {
      server.close();
      throw ends();
    }
    // Such as EMFILE: one client could not be accepted, and the listener goes on.
    server.on("error", (error) => own.gateway.emit("accept", { code: "accept", reason: reasonOf(error) }));
    this.#sockets.add(own);
    this.#tellOwn();
    return own;
  }

  /** Closes a listening socket; the sessions of its clients go on. @param announced whether the log has it */
  unlisten(socket: ListeningSocket, announced = true): void {
    const { host, port } = socket.place;
    this.#sockets.delete(socket);
    this.#tellOwn();
    socket.server.close();
    if (announced) socket.gateway.emit("unlisten", { interface: host, port });
  }

  /** Adds an address that leads to this process: a login whose server has this address is denied. */
  addOwn(place: OwnPlace): void {
    this.#passed.push(place);
    this.#tellOwn();
  }

  #tellOwn(): void {
    const places = [...this.#sockets].map(({ place }) => place);
    this.gateways[0].memory.listeners = [...places, ...this.#passed];
  }

  /** Logs listening sockets. */
  announce(sockets: Iterable<ListeningSocket> = this.#sockets): void {
    for (const { place, gateway } of sockets) {
      const { host, port } = place;
      gateway.emit("listen", { interface: host, port });
    }
  }

  /** Serves a client, to which no limit of sessions applies. Resolves when session and connection have ended. */
  serve(client: Connection, gateway: Gateway, arrival: Arrival): Promise<void> {
    return new Promise((resolve) => {
      this.#connections.enter(
        client,
        this.#isKnown(client, gateway) ? gateway.serve(client, arrival) : undefined,
        resolve,
      );
    });
  }

  /** As `serve`, for a client on a socket whose PROXY header comes first. */
  serveProxied(socket: Socket, gateway: Gateway, arrival: Arrival): Promise<void> {
    return new Promise((resolve) => {
      const closed = () => resolve();
      socket.once("close", closed);
      this.#read(socket, gateway, (header) => {
        socket.off("close", closed);
        resolve(this.serve(clientOf(socket, header), gateway, arrivalWith(arrival, header)));
      });
    });
  }

  /** Resolves when there has been no client for `within` milliseconds; never after `close`. */
  untilIdle(within: number): Promise<void> {
    return this.#connections.untilIdle(within);
  }

  /**
   * Closes the listening sockets and waits for the sessions; ends the sessions that still run after the drain time. A
   * second call ends all sessions at once. Resolves when all is closed.
   */
  close(): Promise<void> {
    if (!this.closing) for (const { server } of this.#sockets) server.close();
    return this.#connections.end(this.drain);
  }

  /** Reads the PROXY header of a connection. */
  #read(socket: Socket, { service, emit }: Gateway, then: (header: ProxyHeader) => void): void {
    const { clients, limits } = service;
    const terms = { from: clients.proxyFrom, within: limits.proxyHeader, bound: limits.sessions, emit };
    this.#connections.readHeader(socket, terms, then);
  }

  #accept(socket: Socket, own: ListeningSocket): void {
    // After a reload, what is new holds for clients whose header is still to come.
    if (own.proxy) this.#read(socket, own.gateway, (header) => this.#admit(clientOf(socket, header), own, header));
    else this.#admit(clientOf(socket), own);
  }

  #admit(client: Connection, { gateway, arrival: listened }: ListeningSocket, header?: ProxyHeader): void {
    if (!this.#isKnown(client, gateway)) return;
    const { name = "", limits } = gateway.service;
    const arrival = header ? arrivalWith(listened, header) : listened;
    // A sender that speaks for itself is not one client: it may have many, whose addresses it does not know.
    const bounds = header?.kind === "local" ? { ...limits, perClient: Number.POSITIVE_INFINITY } : limits;
    const refused = this.#limits.admit(client, bounds, name);
    if (refused !== null) {
      this.#turnAway(client, refused, gateway, arrival.tls);
      return;
    }
    const onLogin = () => this.#limits.loggedIn(client);
    const { tls, defaultServers } = arrival;
    const served = gateway.serve(client, { tls, defaultServers, header, onLogin });
    this.#connections.enter(client, served, () => this.#limits.leave(client));
  }

  /**
   * Whether the client's address is known; if not, the connection is closed. The system keeps the input of a client
   * that has reset the connection, but not its address. No limit would apply to such a session, and to an acp it would
   * look like a session on a pipe.
   */
  #isKnown(client: Connection, gateway: Gateway): boolean {
    if (client.peer.address !== "" || client.local.address === "") return true;
    const reason = "client has reset the connection";
    gateway.emit("resetEarly", { interface: client.local.address, code: "reset", reason });
    client.destroy();
    return false;
  }

  #turnAway(client: Connection, { code, reply }: TurnAway, gateway: Gateway, tls: TlsMode): void {
    gateway.emit("turnedAway", { client: client.peer.address, code, reason: reply });
    // A client that expects TLS can't read the reply.
    if (tls === "tls" || this.#turnedAway >= TURNED_AWAY_BOUND) {
      client.destroy();
      return;
    }
    this.#turnedAway++;
    const told = client.say(reply)?.catch(() => {});
    this.#connections.enter(client, told, () => this.#turnedAway--);
    client.close();
  }
}
