/**
 * Where clients come in, whichever the door: listens on what it is given, lets them in as far as the limits go, knows
 * all who are inside, and ends in an orderly way.
 */

import { createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { plainAddress } from "../base/address";
import type { TlsMode } from "../config/settings";
import { Connection } from "../connection/connection";
import type { Gateway } from "../gateway/gateway";
import { descriptorBound } from "../process/descriptor";
import { Failure } from "../protocol/failure";
import { Limits } from "./limits";

/** Connections that the system may hold ready for us. */
const BACKLOG = 1024;

/** So many clients that are turned away may take their time to hear why; with more of them, they are cut off. */
const TURNED_AWAY_BOUND = 100;

/**
 * Descriptors of a session, to its client and to its server; and those that the process has besides: its own, and those of
 * a crowd that is turned away.
 */
const DESCRIPTORS = 2;
const SPARE_DESCRIPTORS = 250;

/** How long connections may take to carry our last words when all must end at once, in milliseconds. */
const LAST_WORDS = 100;

export class Listener {
  /** Resolves when `close` has done its work. */
  readonly closed: Promise<void>;
  readonly #gateway: Gateway;
  readonly #limits: Limits;
  readonly #servers: Server[] = [];
  /** All of whom something is left: a connection, or a session that carries out what its client had said. */
  readonly #inside = new Set<Connection>();
  #turnedAway = 0;
  #closing = false;
  #resolveClosed = () => {};
  #idle: { readonly within: number; readonly over: () => void; timer?: NodeJS.Timeout } | null = null;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
    this.#limits = new Limits(gateway.config.maxSessions, gateway.config.maxPerClient);
    gateway.onLogin = (client) => this.#limits.loggedIn(client);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** The ports that it listens on. */
  get ports(): readonly number[] {
    return this.#servers.map((server) => placeOf(server).port);
  }

  /**
   * Listens there: on a port, or on a descriptor that listens already.
   *
   * @param tls how TLS comes into the connections of these clients
   * @throws the system's error
   */
  async listen(where: ListenOptions | { readonly fd: number }, tls: TlsMode = "none"): Promise<void> {
    this.#gateway.prepare();
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket, tls));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ backlog: BACKLOG, ...where }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    // Out of descriptors, say: the next client may have more luck.
    server.on("error", (error) => this.#gateway.log("err", "accept", { reason: error.message }));
    this.#servers.push(server);
    this.#gateway.listeners = [...this.#gateway.listeners, placeOf(server)];
  }

  /** Tells the log where it listens, and what may be in the way of so many sessions. */
  announce(): void {
    for (const { host, port } of this.#servers.map(placeOf)) {
      this.#gateway.log("info", "listen", { interface: host, port });
    }
    const { maxSessions, acp } = this.#gateway.config;
    const needed = maxSessions * DESCRIPTORS + SPARE_DESCRIPTORS + (acp ? pipesOfPrograms() : 0);
    const bound = descriptorBound();
    // libuv turns clients away in silence when there are none left.
    if (this.#servers.length > 0 && bound !== null && bound < needed) {
      const reason = `${bound} open files are too few for ${maxSessions} sessions: they may need ${needed}`;
      this.#gateway.log("warning", "listen", { reason });
    }
  }

  /** Serves a client, whatever the limits say; resolves when nothing is left of the connection. */
  async serve(client: Connection, tls: TlsMode = "none"): Promise<void> {
    await this.#enter(client, this.#isKnown(client) ? this.#gateway.serve(client, tls) : undefined);
  }

  /** Resolves when nobody has been inside for so long (in milliseconds); never once `close` was called. */
  untilIdle(within: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closing) return;
      this.#idle = { within, over: resolve };
      this.#clock();
    });
  }

  /**
   * Accepts nobody any more and lets sessions end; those that have not after `drainTimeout` are closed.
   * Called again: all are closed at once.
   */
  async close(): Promise<void> {
    if (this.#closing) {
      this.#endSessions();
      return this.closed;
    }
    this.#closing = true;
    clearTimeout(this.#idle?.timer);
    this.#idle = null;
    const timer = setTimeout(() => this.#endSessions(), this.#gateway.config.drainTimeout * 1000);
    for (const server of this.#servers) server.close();
    this.#leaving();
    await this.closed;
    clearTimeout(timer);
  }

  /** The sessions first, so that each ends with its reason; then what is left of their connections. */
  #endSessions(): void {
    for (const client of this.#inside) client.fail(new Failure("nobody", "gateway is shutting down"));
    setTimeout(() => {
      for (const client of this.#inside) client.destroy();
    }, LAST_WORDS);
  }

  #accept(socket: Socket, tls: TlsMode): void {
    const client = clientOf(socket);
    if (!this.#isKnown(client)) return;
    const refusal = this.#limits.admit(client);
    if (refusal !== null) this.#turnAway(client, refusal, tls);
    else void this.#enter(client, this.#gateway.serve(client, tls)).then(() => this.#limits.leave(client));
  }

  /**
   * Whether we know who this is. The system forgets the address of a client that has reset the connection, but not what
   * it had said: a whole session of somebody to whom no rule applies, and whom an acp would take for a pipe's.
   */
  #isKnown(client: Connection): boolean {
    if (client.peer.address !== "" || client.local.address === "") return true;
    this.#gateway.log("info", "refused", {
      interface: client.local.address,
      reason: "client has reset the connection",
    });
    client.destroy();
    return false;
  }

  #turnAway(client: Connection, refusal: string, tls: TlsMode): void {
    this.#gateway.log("notice", "refused", { client: client.peer.address, reason: refusal });
    // A client that expects TLS could not read it.
    if (tls === "tls" || this.#turnedAway >= TURNED_AWAY_BOUND) {
      client.destroy();
      return;
    }
    this.#turnedAway++;
    void this.#enter(
      client,
      client.say(refusal)?.catch(() => {}),
    ).then(() => this.#turnedAway--);
    client.close();
  }

  /** Somebody is inside until both the connection and what is done for it have ended. */
  async #enter(client: Connection, served: Promise<void> | undefined): Promise<void> {
    this.#inside.add(client);
    this.#clock();
    await Promise.all([served, new Promise((resolve) => client.stream.once("close", resolve))]);
    this.#inside.delete(client);
    this.#clock();
    this.#leaving();
  }

  /** Nobody is inside, or somebody is again. */
  #clock(): void {
    const idle = this.#idle;
    if (!idle) return;
    clearTimeout(idle.timer);
    if (this.#inside.size === 0) idle.timer = setTimeout(idle.over, idle.within);
  }

  #leaving(): void {
    if (this.#closing && this.#inside.size === 0) this.#resolveClosed();
  }
}

/** What programs may need of descriptors at once; loaded only where there are any. */
function pipesOfPrograms(): number {
  const { AT_ONCE, PIPES } = require("../access/programs") as typeof import("../access/programs.js");
  return AT_ONCE * PIPES;
}

/** A client on a socket; without a network both addresses are "". */
export function clientOf(socket: Socket): Connection {
  const peer = { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
  const local = { address: plainAddress(socket.localAddress), port: socket.localPort ?? 0 };
  return new Connection(socket, "client", peer, local);
}

/** Where a server listens; a socket in the file system has no host and no port. */
function placeOf(server: Server): { host: string; port: number } {
  const place = server.address();
  return typeof place === "object" && place !== null
    ? { host: place.address, port: place.port }
    : { host: place ?? "", port: 0 };
}
