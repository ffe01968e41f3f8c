/**
 * The listener of the daemon and of a superserver's sockets: it accepts clients within the limits, has the set of all
 * connections, and closes in an orderly way.
 */

import { createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { AT_ONCE, PIPES } from "../access/programs";
import { plainAddress } from "../base/address";
import { reasonOf } from "../base/faults";
import type { Warning } from "../base/warning";
import type { Service, TlsMode } from "../config/settings";
import { Connection } from "../connection/connection";
import type { Gateway } from "../gateway/gateway";
import { descriptorBound } from "../process/descriptor";
import { Failure } from "../protocol/failure";
import type { ProxyHeader } from "../protocol/proxyheader";
import type { Arrival } from "../session/needs";
import type { OwnPlace } from "../upstream/own";
import { SessionLimits, type TurnAway } from "./limits";
import { arrivalWith, Headers, resumed } from "./proxied";

/** How many connections the system may queue before they are accepted. */
const BACKLOG = 1024;

/** How many clients that are turned away may still read the reply; beyond it, a connection is closed at once. */
const TURNED_AWAY_BOUND = 100;

/**
 * The descriptors of a session: to its client and to its server, and of the mail that is scanned. The spare ones are those
 * of the process itself, of clients that are turned away or displaced, and of the scans that run.
 */
const DESCRIPTORS = 2;
const SCAN_DESCRIPTORS = 1;
const SPARE_DESCRIPTORS = 250;

/** How long connections may take to send their last reply when all sessions end at once, in milliseconds. */
const LAST_REPLIES = 100;

/** Listening sockets and all connections of clients. */
export class Listener {
  /** Resolves when all is closed, after `close`. */
  readonly closed: Promise<void>;
  /** Serves new clients. A reload replaces the gateway; running sessions keep the one that they began with. */
  gateway: Gateway;
  readonly #limits = new SessionLimits();
  /** The connections that wait for their PROXY header; null: there was none yet. */
  #headers: Headers | null = null;
  readonly #drain: number;
  readonly #servers: Server[] = [];
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
  constructor(gateway: Gateway, drain: number) {
    this.gateway = gateway;
    this.#drain = drain;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** The ports that it listens on. */
  get ports(): readonly number[] {
    return this.#servers.map((server) => addressOf(server).port);
  }

  /**
   * Opens a listener.
   *
   * @param where a port, or a descriptor that listens already
   * @param arrival how its clients connect
   * @param proxy whether a PROXY header comes first
   * @throws the system's error
   */
  async listen(
    where: ListenOptions | { readonly fd: number },
    arrival: Arrival,
    proxy: boolean | undefined,
  ): Promise<void> {
    const accept = proxy
      ? (socket: Socket) => this.#read(socket, (header) => this.#accept(socket, arrival, header))
      : (socket: Socket) => this.#accept(socket, arrival);
    const server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ backlog: BACKLOG, ...where }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    // Such as EMFILE: one client could not be accepted, and the listener goes on.
    server.on("error", (error) => this.gateway.emit("accept", { code: "accept", reason: reasonOf(error) }));
    this.#servers.push(server);
    this.addOwn(addressOf(server));
  }

  /** Adds an address that leads to this process: a login whose server has this address is denied. */
  addOwn(place: OwnPlace): void {
    const { memory } = this.gateway;
    memory.listeners = [...memory.listeners, place];
  }

  /** Logs each listener. */
  announce(): void {
    for (const { host, port } of this.#servers.map(addressOf)) {
      this.gateway.emit("listen", { interface: host, port });
    }
  }

  /** Serves a client, to which no limit of sessions applies. Resolves when session and connection have ended. */
  async serve(client: Connection, tls: TlsMode = "none", header?: ProxyHeader): Promise<void> {
    const arrival = header ? arrivalWith({ tls }, header) : { tls };
    await this.#enter(client, this.#isKnown(client) ? this.gateway.serve(client, arrival) : undefined);
  }

  /** As `serve`, for a client on a socket whose PROXY header comes first. */
  serveProxied(socket: Socket, tls: TlsMode): Promise<void> {
    return new Promise((resolve) => {
      const closed = () => resolve();
      socket.once("close", closed);
      this.#read(socket, (header) => {
        socket.off("close", closed);
        resolve(this.serve(clientOf(socket, header), tls, header));
      });
    });
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
    const timer = setTimeout(() => this.#endSessions(), this.#drain);
    for (const server of this.#servers) server.close();
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
  #read(socket: Socket, then: (header: ProxyHeader) => void): void {
    const { clients, limits } = this.gateway.service;
    const terms = { from: clients.proxyFrom, within: limits.proxyHeader, bound: limits.sessions };
    this.#headers ??= new Headers(
      () => this.gateway.emit,
      () => this.#restartIdle(),
    );
    this.#headers.read(socket, terms, then);
    this.#restartIdle();
  }

  #accept(socket: Socket, listened: Arrival, header?: ProxyHeader): void {
    const client = clientOf(socket, header);
    if (!this.#isKnown(client)) return;
    const arrival = header ? arrivalWith(listened, header) : listened;
    const { limits } = this.gateway.service;
    // A sender that speaks for itself is not one client: it may have many, whose addresses it does not know.
    const bounds = header?.kind === "local" ? { ...limits, perClient: Number.POSITIVE_INFINITY } : limits;
    const refused = this.#limits.admit(client, bounds);
    if (refused !== null) {
      this.#turnAway(client, refused, arrival.tls);
      return;
    }
    const onLogin = () => this.#limits.loggedIn(client);
    void this.#enter(client, this.gateway.serve(client, { ...arrival, onLogin })).then(() =>
      this.#limits.leave(client),
    );
  }

  /**
   * Whether the client's address is known; if not, the connection is closed. The system keeps the input of a client
   * that has reset the connection, but not its address. No limit would apply to such a session, and to an acp it would
   * look like a session on a pipe.
   */
  #isKnown(client: Connection): boolean {
    if (client.peer.address !== "" || client.local.address === "") return true;
    const reason = "client has reset the connection";
    this.gateway.emit("resetEarly", { interface: client.local.address, code: "reset", reason });
    client.destroy();
    return false;
  }

  #turnAway(client: Connection, { code, reply }: TurnAway, tls: TlsMode): void {
    this.gateway.emit("turnedAway", { client: client.peer.address, code, reason: reply });
    // A client that expects TLS can't read the reply.
    if (tls === "tls" || this.#turnedAway >= TURNED_AWAY_BOUND) {
      client.destroy();
      return;
    }
    this.#turnedAway++;
    void this.#enter(
      client,
      client.say(reply)?.catch(() => {}),
    ).then(() => this.#turnedAway--);
    client.close();
  }

  /** Keeps a client in the set until its connection has closed and `served` has settled. */
  async #enter(client: Connection, served: Promise<void> | undefined): Promise<void> {
    this.#clients.add(client);
    this.#restartIdle();
    const closed = new Promise((resolve) => client.stream.once("close", resolve));
    await served;
    await closed;
    this.#clients.delete(client);
    this.#restartIdle();
  }

  /** How many connections are open. */
  get #open(): number {
    return this.#clients.size + (this.#headers?.count ?? 0);
  }

  /** Stops the idle timer, and starts it anew if there is no client. After `close`, looks whether all have left. */
  #restartIdle(): void {
    this.#resolveIfClosed();
    const idle = this.#idle;
    if (!idle) return;
    clearTimeout(idle.timer);
    if (this.#open === 0) idle.timer = setTimeout(idle.over, idle.within);
  }

  #resolveIfClosed(): void {
    if (this.#closing && this.#open === 0) this.#resolveClosed();
  }
}

/**
 * What is to be warned of if the limit of open files is too low for the limit of sessions; null: nothing. libuv closes
 * new connections without an error when no descriptor is free.
 */
export function descriptorWarning({ listen, clients, limits, access, scan }: Service): Warning | null {
  // As many connections as sessions may wait for their PROXY header.
  const waiting = clients.proxy || listen.some(({ proxy }) => proxy) ? 1 : 0;
  const each = DESCRIPTORS + waiting + (scan ? SCAN_DESCRIPTORS : 0);
  const needed =
    limits.sessions * each + SPARE_DESCRIPTORS + (access.acp ? AT_ONCE * PIPES : 0) + (access.authHttp ? AT_ONCE : 0);
  const bound = descriptorBound();
  if (bound === null || bound >= needed) return null;
  const reason = `${bound} open files are too few for ${limits.sessions} sessions: they may need ${needed}`;
  return { code: "open-files", reason };
}

/**
 * A client's connection on a socket; without a network both addresses are "".
 *
 * @param header has the addresses of the client, unless its sender speaks for itself; the socket is paused
 */
export function clientOf(socket: Socket, header?: ProxyHeader): Connection {
  if (header?.kind === "client") return resumed(new Connection(socket, "client", header.from, header.to), socket);
  const peer = { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
  const local = { address: plainAddress(socket.localAddress), port: socket.localPort ?? 0 };
  const client = new Connection(socket, "client", peer, local);
  return header ? resumed(client, socket) : client;
}

/** Where a server listens; a socket in the file system has no host and no port. */
function addressOf(server: Server): { host: string; port: number } {
  const place = server.address();
  return typeof place === "object" && place !== null
    ? { host: place.address, port: place.port }
    : { host: place ?? "", port: 0 };
}
