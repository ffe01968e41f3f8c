/**
 * A scripted peer of the gateway, client or server: writes octets, expects octets, and knows how its connection ended.
 */

import assert from "node:assert/strict";
import { connect, createServer, type Server, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, createServer as createTlsServer } from "node:tls";

/** How long a test waits for what must come, in milliseconds. */
const PATIENCE = 10_000;

export class Peer {
  /** All that was heard, as latin1. */
  heard = "";
  ended = false;
  closed = false;
  #read = 0;
  readonly #waiting = new Set<() => void>();

  constructor(readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.heard += chunk.toString("latin1");
      this.#wake();
    });
    socket.on("end", () => {
      this.ended = true;
      this.#wake();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.ended = true;
      this.closed = true;
      this.#wake();
    });
  }

  /** Connects with TLS from the beginning. @param ca who has certified the other side */
  static async connectTls(port: number, ca: Buffer): Promise<Peer> {
    const options: ConnectionOptions & { allowHalfOpen: boolean } = {
      port,
      host: "127.0.0.1",
      ca,
      allowHalfOpen: true,
    };
    const socket = connectTls(options);
    await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
    return new Peer(socket);
  }

  static async connect(port: number, host = "127.0.0.1"): Promise<Peer> {
    const peer = new Peer(connect({ port, host, allowHalfOpen: true }));
    await new Promise((resolve, reject) => peer.socket.once("connect", resolve).once("error", reject));
    return peer;
  }

  /** Writes latin1 octets; resolves when the system has them. */
  async write(octets: string): Promise<void> {
    if (!this.socket.writable) return;
    await new Promise<void>((resolve) => this.socket.write(octets, "latin1", () => resolve()));
  }

  /** Writes a line with CRLF. */
  say(line: string): Promise<void> {
    return this.write(`${line}\r\n`);
  }

  /** Waits until exactly these octets have come next. @throws AssertionError if others did, or none */
  async expect(octets: string): Promise<void> {
    await this.#until(() => this.heard.length >= this.#read + octets.length || this.ended, octets);
    assert.equal(this.heard.slice(this.#read, this.#read + octets.length), octets);
    this.#read += octets.length;
  }

  /** Waits for a line and gives it without its CRLF. */
  async line(): Promise<string> {
    await this.#until(() => this.heard.includes("\r\n", this.#read) || this.ended, "a line");
    const at = this.heard.indexOf("\r\n", this.#read);
    assert.notEqual(at, -1, `no line, but ${JSON.stringify(this.heard.slice(this.#read))}`);
    const line = this.heard.slice(this.#read, at);
    this.#read = at + 2;
    return line;
  }

  /** Says a line and gives the line that answers it. */
  async ask(line: string): Promise<string> {
    await this.say(line);
    return this.line();
  }

  /** Waits for the other side's end; nothing but what was expected must have come. */
  async expectEnd(): Promise<void> {
    await this.#until(() => this.ended, "the end");
    assert.equal(this.heard.slice(this.#read), "");
  }

  /** Waits for the other side's end, whatever came before it. */
  async untilEnd(): Promise<void> {
    await this.#until(() => this.ended, "the end");
  }

  /** Waits until nothing of the connection is left. */
  async expectClose(): Promise<void> {
    await this.#until(() => this.closed, "the close");
  }

  /** A FIN: it has said all it had to say, and still listens. */
  end(): void {
    this.socket.end();
  }

  /** A RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + PATIENCE;
    while (!holds()) {
      const left = deadline - Date.now();
      if (left <= 0)
        assert.fail(`waited in vain for ${JSON.stringify(what)}, heard ${JSON.stringify(this.heard.slice(-500))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(wake, left);
        const waiting = this.#waiting;
        function wake(): void {
          clearTimeout(timer);
          waiting.delete(wake);
          resolve();
        }
        waiting.add(wake);
      });
    }
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

/** A listener on a free loopback port whose connections a test takes one by one. */
export class Accepting {
  readonly #server: Server;
  readonly #accepted: Peer[] = [];
  readonly #wanted: ((peer: Peer) => void)[] = [];
  readonly #all = new Set<Peer>();
  count = 0;

  /** @param tls its certificate, for connections with TLS from the beginning; default: in clear */
  constructor(tls?: { readonly cert: Buffer; readonly key: Buffer }) {
    const accept = (socket: Socket) => {
      const peer = new Peer(socket);
      this.count++;
      this.#all.add(peer);
      socket.on("close", () => this.#all.delete(peer));
      const wanted = this.#wanted.shift();
      if (wanted) wanted(peer);
      else this.#accepted.push(peer);
    };
    this.#server = tls
      ? createTlsServer({ ...tls, allowHalfOpen: true }, accept).on("tlsClientError", () => {})
      : createServer({ allowHalfOpen: true }, accept);
  }

  async open(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return (this.#server.address() as { port: number }).port;
  }

  /** The next connection. */
  next(): Promise<Peer> {
    const peer = this.#accepted.shift();
    return peer ? Promise.resolve(peer) : new Promise((resolve) => this.#wanted.push(resolve));
  }

  async close(): Promise<void> {
    for (const peer of this.#all) peer.socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
