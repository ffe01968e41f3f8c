/**
 * The daemon's door: listens, lets clients in as far as the limits go, and ends in an orderly way.
 */

import { createServer, type Server, type Socket } from "node:net";
import { plainAddress } from "../address";
import type { Listen } from "../config";
import { Connection } from "../connection";
import { Failure } from "../failure";
import type { House } from "../gateway";
import { Limits } from "./limits";

/** Connections that the system may hold ready for us. */
const BACKLOG = 1024;

/** How long a client that is turned away may take to hear why, in milliseconds. */
const TURNED_AWAY = 1000;

export class Daemon {
  readonly #house: House;
  readonly #limits: Limits;
  readonly #servers: Server[] = [];
  #ending: Promise<void> | null = null;

  constructor(house: House) {
    this.#house = house;
    this.#limits = new Limits(house.config.maxSessions, house.config.maxPerClient);
    house.onLogin = (client) => this.#limits.loggedIn(client);
  }

  /** Where it listens, once it does. */
  get ports(): readonly number[] {
    return this.#servers.map((server) => (server.address() as { port: number }).port);
  }

  /** Listens everywhere that was asked for. @throws Error of the first place where it can't */
  async open(): Promise<void> {
    for (const where of this.#house.config.listen) {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
      await listening(server, where);
      // Out of descriptors, say: the next client may have more luck.
      server.on("error", (error) => this.#house.log("err", "accept", { reason: error.message }));
      this.#servers.push(server);
      const { address, port } = server.address() as { address: string; port: number };
      this.#house.log("info", "listen", { interface: address, port });
    }
    this.#house.listeners = this.#servers.map((server) => {
      const { address, port } = server.address() as { address: string; port: number };
      return { host: address, port };
    });
  }

  /**
   * Accepts nobody any more and lets sessions end; those that have not after `drainTimeout` are closed.
   * Called again: all are closed at once.
   */
  async close(): Promise<void> {
    if (this.#ending) {
      this.#endSessions();
      return this.#ending;
    }
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    this.#ending = Promise.all(closed).then(() => {});
    const timer = setTimeout(() => this.#endSessions(), this.#house.config.drainTimeout * 1000);
    await this.#ending;
    clearTimeout(timer);
  }

  #endSessions(): void {
    for (const client of this.#limits.sessions) client.fail(new Failure("gateway", "gateway is shutting down"));
  }

  #accept(socket: Socket): void {
    const peer = { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
    const local = { address: plainAddress(socket.localAddress), port: socket.localPort ?? 0 };
    const client = new Connection(socket, "client", peer, local);
    const refusal = this.#limits.admit(client);
    if (refusal === null) {
      void this.#house.serve(client);
      return;
    }
    this.#house.log("notice", "refused", { client: peer.address, reason: refusal });
    void client.say(refusal);
    client.close(TURNED_AWAY);
  }
}

function listening(server: Server, { host, port }: Listen): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, backlog: BACKLOG, ...(host === null ? {} : { host }) }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
