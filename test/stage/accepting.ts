/** A listener on a free port of 127.0.0.1 whose connections a test takes one by one, or plays by a script. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import type { TestContext } from "node:test";
import { atEnd } from "./ending";
import { Gone, Peer } from "./peer";
import { PATIENCE, whenLate } from "./waiting";

/** A certificate and its key, for connections with TLS from the beginning. */
export interface Identity {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export class Accepting {
  readonly #server: Server;
  readonly #accepted: Peer[] = [];
  /** Who waits for a connection, with what ends the wait. */
  readonly #wanted = new Map<(peer: Peer) => void, () => void>();
  readonly #all = new Set<Peer>();
  count = 0;
  /** The port that it listens on, after `open`. */
  port = 0;

  /**
   * @param tls its certificate; default: connections are in clear
   * @param take gets each connection; default: it waits for `next`
   */
  constructor(tls?: Identity, take: (peer: Peer) => void = (peer) => this.#hand(peer)) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const peer = new Peer(socket);
      this.#all.add(peer);
      socket.on("close", () => this.#all.delete(peer));
      const accept = () => {
        this.count++;
        take(peer);
      };
      // A connection that fails in the handshake is none.
      if (tls) peer.acceptTls(tls).then(accept, () => peer.destroy());
      else accept();
    });
  }

  /** Listens. @param port default: a free one @returns the port */
  async open(port = 0): Promise<number> {
    await once(this.#server.listen(port, "127.0.0.1"), "listening");
    this.port = (this.#server.address() as AddressInfo).port;
    return this.port;
  }

  /** The next connection. @throws AssertionError if none comes in time */
  next(patience = PATIENCE): Promise<Peer> {
    const peer = this.#accepted.shift();
    if (peer) return Promise.resolve(peer);
    return new Promise((resolve, reject) => {
      const stopWaiting = whenLate(() => {
        this.#wanted.delete(resolve);
        reject(new assert.AssertionError({ message: "waited in vain for a connection" }));
      }, patience);
      this.#wanted.set(resolve, stopWaiting);
    });
  }

  async close(): Promise<void> {
    for (const stopWaiting of this.#wanted.values()) stopWaiting();
    for (const peer of this.#all) peer.destroy();
    if (!this.#server.listening) return;
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #hand(peer: Peer): void {
    for (const [wanted, stopWaiting] of this.#wanted) {
      stopWaiting();
      this.#wanted.delete(wanted);
      wanted(peer);
      return;
    }
    this.#accepted.push(peer);
  }
}

/** Starts a server whose connections a test takes one by one; gone with its test. @param tls as for Accepting */
export async function startAccepting(t: TestContext, tls?: Identity): Promise<Accepting> {
  const accepting = new Accepting(tls);
  atEnd(t, () => accepting.close());
  await accepting.open();
  return accepting;
}

/** What a server does with each connection. That the gateway has gone is no fault of the script. */
export type Script = (peer: Peer) => Promise<unknown>;

export interface Scripted {
  readonly port: number;
  /** All connections that came. */
  readonly peers: readonly Peer[];
  /** Resolves when every script has ended. @throws what one has thrown, unless it is that the gateway had gone */
  played(): Promise<void>;
}

/** Starts a server that is played by a script; gone with its test. */
export async function startScripted(t: TestContext, script: Script): Promise<Scripted> {
  const peers: Peer[] = [];
  const plays: Promise<Error | null>[] = [];
  const accepting = new Accepting(undefined, (peer) => {
    peers.push(peer);
    const play = script(peer).then(
      () => null,
      (thrown: Error) => (thrown instanceof Gone ? null : thrown),
    );
    plays.push(play);
  });
  const port = await accepting.open();
  t.after(() => accepting.close());
  return {
    port,
    peers,
    async played() {
      for (const play of plays) {
        const fault = await play;
        if (fault) throw fault;
      }
    },
  };
}
