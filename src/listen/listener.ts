/**
 * The listener of the daemon and of a superserver's sockets: it accepts clients within the limits, has the set of all
 * connections, and closes in an orderly way.
 */

import { createServer, type ListenOptions, type Socket } from "node:net";
import { reasonOf } from "../base/faults";
import type { TlsMode } from "../config/settings";
import type { Connection } from "../connection/connection";
import type { Gateway } from "../gateway/gateway";
import { Failure } from "../protocol/failure";
import type { ProxyHeader } from "../protocol/proxyheader";
import type { Arrival } from "../session/needs";
import type { OwnPlace } from "../upstream/own";
import { SessionLimits, type TurnAway } from "./limits";
import { arrivalWith, Headers } from "./proxied";
import { addressOf, clientOf, type ListeningSocket, listening, type Served } from "./sockets";

/** How many clients that are turned away may still read the reply; beyond it, a connection is closed at once. */
const TURNED_AWAY_BOUND = 100;

/** How long connections may take to send their last reply when all sessions end at once, in milliseconds. */
const LAST_REPLIES = 100;

/** Listening sockets and all connections of clients. */
export class Listener {
  /** Resolves when all is closed, after `close`. */
  readonly closed: Promise<void>;
  /** The gateways of all services, which share one memory. A reload replaces them. */
  gateways: readonly [Gateway, ...Gateway[]];
  /** How long sessions may go on after `close`, in milliseconds. */
  drain: number;
  readonly #limits = new SessionLimits();
  /** The connections that wait for their PROXY header; null: there was none yet. */
  #headers: Headers | null = null;
  readonly #sockets = new Set<ListeningSocket>();
  /** Addresses that lead to this process besides those of the sockets. */
  readonly #passed: OwnPlace[] = [];
  /**
   * The connections that are open, or whose session still runs: a session goes on after its client has closed, while
   * the client's commands are carried out.
   */
  readonly #clients = new Set<Connection>();
  #turnedAway = 0;
  #closing = false;
  #resolveClosed = () => {};
  #idle: { readonly within: number; readonly over: () => void; timer?: NodeJS.Timeout } | null = null;

  /** @param drain how long sessions may go on after `close`, in milliseconds */
  constructor(gateways: readonly [Gateway, ...Gateway[]], drain: number) {
    this.gateways = gateways;
    this.drain = drain;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** Whether clients are accepted. */
  get accepting(): boolean {
    return !this.#closing && this.#sockets.size > 0;
  }

  /** The sockets that listen. */
  get sockets(): Iterable<ListeningSocket> {
    return this.#sockets;
  }

  /** The ports that it listens on. */
  get ports(): readonly number[] {
    return [...this.#sockets].map(({ server }) => addressOf(server).port);
  }

  /**
   * Opens a listener.
   *
   * @param where a port, or a descriptor that listens already
   * @throws the system's error, or Error after `close`
   */
  async listen(where: ListenOptions | { readonly fd: number }, served: Served): Promise<ListeningSocket> {
    if (this.#closing) throw new Error("the gateway ends");
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket, own));
    const own: ListeningSocket = { server, ...served };
    await listening(server, where);
    // Such as EMFILE: one client could not be accepted, and the listener goes on.
    server.on("error", (error) => own.gateway.emit("accept", { code: "accept", reason: reasonOf(error) }));
    this.#sockets.add(own);
    this.#tellOwn();
    return own;
  }

  /** Closes a listening socket; the sessions of its clients go on. @param announced whether the log has it */
  unlisten(socket: ListeningSocket, announced = true): void {
    const { host, port } = addressOf(socket.server);
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
    const places = [...this.#sockets].map(({ server }) => addressOf(server));
    this.gateways[0].memory.listeners = [...places, ...this.#passed];
  }

  /** Logs listening sockets. */
  announce(sockets: Iterable<ListeningSocket> = this.#sockets): void {
    for (const { server, gateway } of sockets) {
      const { host, port } = addressOf(server);
      gateway.emit("listen", { interface: host, port });
    }
  }

  /** Serves a client, to which no limit of sessions applies. Resolves when session and connection have ended. */
  serve(client: Connection, gateway: Gateway, arrival: Arrival): Promise<void> {
    return new Promise((resolve) => {
      this.#enter(client, this.#isKnown(client, gateway) ? gateway.serve(client, arrival) : undefined, resolve);
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

  /** How many clients are connected. */
  get clients(): number {
    return this.#clients.size;
  }

  /** Resolves when there has been no client for `within` milliseconds; never after `close`. */
  untilIdle(within: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closing) return;
      this.#idle = { within, over: resolve };
      this.#restartIdle();
    });
  }

  /**
   * Closes the listening sockets and waits for the sessions; ends the sessions that still run after the drain time. A
   * second call ends all sessions at once. Resolves when all is closed.
   */
  async close(): Promise<void> {
    if (this.#closing) {
      this.#endSessions();
      return this.closed;
    }
    this.#closing = true;
    clearTimeout(this.#idle?.timer);
    this.#idle = null;
    const timer = setTimeout(() => this.#endSessions(), this.drain);
    for (const { server } of this.#sockets) server.close();
    this.#resolveIfClosed();
    await this.closed;
    clearTimeout(timer);
  }

  /** Ends the sessions, each with a reason and a reply; then closes the connections that are still open. */
  #endSessions(): void {
    this.#headers?.close();
    for (const client of this.#clients) client.fail(new Failure("nobody", "shutdown", "gateway is shutting down"));
    setTimeout(() => {
      for (const client of this.#clients) client.destroy();
    }, LAST_REPLIES);
  }

  /** Reads the PROXY header of a connection. */
  #read(socket: Socket, { service, emit }: Gateway, then: (header: ProxyHeader) => void): void {
    const { clients, limits } = service;
    const terms = { from: clients.proxyFrom, within: limits.proxyHeader, bound: limits.sessions, emit };
    this.#headers ??= new Headers(() => {
      this.#restartIdle();
      this.#resolveIfClosed();
    });
    this.#headers.read(socket, terms, then);
    this.#restartIdle();
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
    this.#enter(client, served, () => this.#limits.leave(client));
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
    this.#enter(client, told, () => this.#turnedAway--);
    client.close();
  }

  /** Keeps a client in the set until its connection has closed and `served` has settled; calls `left` then. */
  #enter(client: Connection, served: Promise<void> | undefined, left: () => void): void {
    this.#clients.add(client);
    this.#restartIdle();
    let open = served ? 2 : 1;
    const over = () => {
      if (--open > 0) return;
      this.#clients.delete(client);
      this.#restartIdle();
      left();
      this.#resolveIfClosed();
    };
    client.onClosed = over;
    void served?.then(over);
  }

  /** How many connections are open. */
  get #open(): number {
    return this.#clients.size + (this.#headers?.count ?? 0);
  }

  /** Stops the idle timer, and starts it anew if there is no client. */
  #restartIdle(): void {
    const idle = this.#idle;
    if (!idle) return;
    clearTimeout(idle.timer);
    if (this.#open === 0) idle.timer = setTimeout(idle.over, idle.within);
  }

  #resolveIfClosed(): void {
    if (this.#closing && this.#open === 0) this.#resolveClosed();
  }
}
