/**
 * A scripted peer of the gateway, client or server, in clear or under TLS: writes octets, expects octets, keeps all that
 * it has heard, and knows how its connection ended.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type NetConnectOpts, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TestContext } from "node:test";
import { type ConnectionOptions, connect as connectTls, TLSSocket, type TLSSocketOptions } from "node:tls";
import { Tap } from "./tap";
import { PATIENCE, whenLate } from "./waiting";

/** The other side has closed before the peer had heard what it waited for. */
export class Gone extends Error {}

/** A port of 127.0.0.1, or another place. */
export type Place =
  | number
  | { readonly port: number; readonly host: string; readonly localAddress?: string }
  | { readonly path: string };

export class Peer {
  /** All that came before TLS, and all that came under it, as latin1. */
  clear = "";
  secret = "";
  ended = false;
  closed = false;
  tls: TLSSocket | null = null;
  /** The TLS version; "": none is spoken yet. */
  version = "";
  /** The server's name in a client's ClientHello; "": the client named none. */
  sni = "";
  /** When the last peer of this process has heard something, as performance.now(). */
  static #heardAt = 0;
  #stream: Duplex;
  #tap: Tap | null = null;
  #read = 0;
  readonly #waiting = new Set<() => void>();

  constructor(readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on("error", () => {});
    this.#stream = socket;
    this.#listen(socket);
  }

  /** Connects. @param t the test with which the connection ends */
  static async connect(place: Place, t?: TestContext): Promise<Peer> {
    const where: NetConnectOpts = typeof place === "number" ? { port: place, host: "127.0.0.1" } : { ...place };
    const peer = new Peer(connect({ ...where, allowHalfOpen: true }));
    t?.after(() => peer.destroy());
    await once(peer.socket, "connect");
    return peer;
  }

  /** Connects with TLS from the beginning. @param options as for tls.connect */
  static async connectTls(place: Place, options: ConnectionOptions, t?: TestContext): Promise<Peer> {
    const peer = await Peer.connect(place, t);
    await peer.startTls(options);
    return peer;
  }

  /** All that was heard under TLS, or in clear if TLS is not spoken yet. */
  get heard(): string {
    return this.tls ? this.secret : this.clear;
  }

  /** What was heard and not read: the other side is ahead. */
  get unread(): string {
    return this.heard.slice(this.#read);
  }

  /** Every octet that came, whatever it meant. */
  get wire(): string {
    return this.clear + (this.#tap?.octets ?? "");
  }

  /** Writes latin1 octets; resolves when the system has them. */
  async write(octets: string | Buffer): Promise<void> {
    if (!this.#stream.writable) return;
    const chunk = Buffer.isBuffer(octets) ? octets : Buffer.from(octets, "latin1");
    await new Promise<void>((resolve) => this.#stream.write(chunk, () => resolve()));
  }

  /** Writes lines with CRLF, at once. */
  say(...lines: string[]): Promise<void> {
    return this.write(lines.map((line) => `${line}\r\n`).join(""));
  }

  /** Waits until exactly these octets have come next. @throws AssertionError if others did, or none */
  async expect(octets: string): Promise<void> {
    const come = () => this.heard.length >= this.#read + octets.length || this.ended;
    // Others are told at once; to look for them in a large mail would take too long.
    const differ = () => octets.length < 65_536 && !octets.startsWith(this.unread);
    await this.#until(() => come() || differ(), octets);
    assert.equal(this.heard.slice(this.#read, this.#read + octets.length), octets);
    this.#read += octets.length;
  }

  /** Waits until so many octets have come next, and leaves them unread. @throws Gone */
  async peek(count = 1): Promise<string> {
    await this.#until(() => this.heard.length >= this.#read + count || this.ended, "an octet");
    if (this.heard.length < this.#read + count) throw new Gone("no octet came");
    return this.heard.slice(this.#read, this.#read + count);
  }

  /** Gives all that comes next up to this text, and the text itself. @throws Gone */
  async upTo(text: string): Promise<string> {
    let at = -1;
    let from = this.#read;
    await this.#until(() => {
      at = this.heard.indexOf(text, from);
      from = Math.max(this.#read, this.heard.length - text.length + 1);
      return at >= 0 || this.ended;
    }, text);
    if (at < 0) throw new Gone(`no ${JSON.stringify(text)}, but ${JSON.stringify(this.unread.slice(-500))}`);
    const next = this.heard.slice(this.#read, at + text.length);
    this.#read = at + text.length;
    return next;
  }

  /** Waits for a line and gives it without its CRLF. @throws Gone */
  async line(): Promise<string> {
    return (await this.upTo("\r\n")).slice(0, -2);
  }

  /** Says a line and gives the line that answers it. */
  async ask(line: string): Promise<string> {
    await this.say(line);
    return this.line();
  }

  /** Hears exactly this line, and writes octets. */
  async answer(line: string, octets: string): Promise<void> {
    assert.equal(await this.line(), line);
    await this.write(octets);
  }

  /** Waits for the other side's end; nothing but what was expected must have come. */
  async expectEnd(): Promise<void> {
    assert.equal(await this.rest(), "");
  }

  /** Waits for the other side's end, and gives what came before it. */
  async rest(): Promise<string> {
    await this.untilEnd();
    const rest = this.unread;
    this.#read = this.heard.length;
    return rest;
  }

  /** Waits for the other side's end, whatever came before it. */
  async untilEnd(): Promise<void> {
    await this.#until(() => this.ended, "the end");
  }

  /** Waits until nothing of the connection is left. */
  async expectClose(): Promise<void> {
    await this.#until(() => this.closed, "the close");
  }

  /** Goes on under TLS, as its client. @param options as for tls.connect */
  startTls(options: ConnectionOptions): Promise<void> {
    const tls = connectTls({ ...options, socket: this.#tapped() as unknown as Socket });
    return this.#secure(tls, "secureConnect");
  }

  /** Goes on under TLS, as its server. @throws Gone if the handshake fails */
  async acceptTls(options: TLSSocketOptions): Promise<void> {
    // Without a list of authorities Node loads its own, which takes 20 ms.
    const tls = new TLSSocket(this.#tapped() as unknown as Socket, { ca: [], ...options, isServer: true });
    await this.#secure(tls, "secure").catch((thrown: Error) => {
      throw thrown instanceof assert.AssertionError ? thrown : new Gone(thrown.message, { cause: thrown });
    });
  }

  /** Reads no more, until `resume`. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Gives all octets that come from now on to somebody else, and keeps none of them. */
  divert(take: (chunk: Buffer) => void): void {
    this.#stream.removeAllListeners("data").on("data", take);
  }

  /** A FIN, and under TLS its closure alert before it: this side has said all it had to say, and still listens. */
  end(): void {
    this.#stream.end();
  }

  /** A FIN of the connection below TLS, unannounced. @param octets the last ones, past TLS */
  cut(octets = ""): void {
    this.socket.end(octets, "latin1");
  }

  /** A RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  destroy(): void {
    this.socket.destroy();
    this.#stream.destroy();
  }

  /** What TLS is to read; what nobody has read yet is part of it. */
  #tapped(): Tap {
    this.socket.removeAllListeners("data");
    this.#tap = new Tap(this.socket, this.unread);
    this.clear = this.clear.slice(0, this.#read);
    return this.#tap;
  }

  /** @throws Error of the handshake; Gone if the other side has left in it */
  async #secure(tls: TLSSocket, secured: "secure" | "secureConnect"): Promise<void> {
    this.#stream = tls;
    this.tls = tls;
    this.#read = 0;
    let fault: Error | null = null;
    let done = false;
    tls.on("error", (thrown) => (fault ??= thrown));
    tls.once(secured, () => {
      done = true;
      this.version = tls.getProtocol() ?? "";
      this.sni = (tls as TLSSocket & { servername?: string | false }).servername || "";
      this.#wake();
    });
    this.#listen(tls);
    await this.#until(() => done || fault !== null || this.ended, "a handshake");
    if (!done) throw fault ?? new Gone("closed in the handshake");
  }

  #listen(stream: Duplex): void {
    const isPresent = () => stream === this.#stream;
    stream.on("data", (chunk: Buffer) => {
      if (stream === this.socket) this.clear += chunk.toString("latin1");
      else this.secret += chunk.toString("latin1");
      this.#wake();
    });
    stream.on("error", () => this.#wake());
    stream.on("end", () => {
      if (isPresent()) this.ended = true;
      this.#wake();
    });
    stream.on("close", () => {
      if (isPresent()) this.ended = this.closed = true;
      this.#wake();
    });
  }

  /** @throws AssertionError if it does not hold, and nothing has come to any peer for as long as PATIENCE */
  async #until(holds: () => boolean, what: string): Promise<void> {
    while (!holds()) {
      const came = await new Promise<boolean>((resolve) => {
        const wake = () => over(true);
        const stopWaiting = whenLate(() => over(false));
        const over = (came: boolean) => {
          stopWaiting();
          this.#waiting.delete(wake);
          resolve(came);
        };
        this.#waiting.add(wake);
      });
      const heard = () => JSON.stringify(this.heard.slice(-500));
      // Of many peers that are served at once one may have to wait long: it waits while others hear something.
      if (!came && performance.now() - Peer.#heardAt >= PATIENCE)
        assert.fail(`waited in vain for ${JSON.stringify(what.slice(0, 500))}, heard ${heard()}`);
    }
  }

  #wake(): void {
    Peer.#heardAt = performance.now();
    for (const wake of [...this.#waiting]) wake();
  }
}
