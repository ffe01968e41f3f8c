/**
 * A peer as lines and chunks: the only code that touches a stream, with its two halves, reader.ts and writer.ts.
 *
 * - What had arrived can still be read when the peer is gone; what is written to a peer that is gone is dropped.
 * - Waiting ends in one of three ways: the peer delivers, the input ends, or `fail` says why not. Deadlines call `fail`.
 * - A multi-line body is one awaited call, `relay`; inside, octets flow by callback, whole chunks at a time.
 */

import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { now, unwatch, type Watched, watch } from "../base/clock";
import { type Blame, Failure } from "../protocol/failure";
import { texts } from "../protocol/response";
import type { ReadBuffers } from "./buffers";
import { type Handshake, handshake } from "./handshake";
import { type OVERLONG, Reader } from "./reader";

export { reasonOf } from "./handshake";
export { OVERLONG } from "./reader";

import { type End, Relay, type Sink, type Source } from "./relay";
import { Writer } from "./writer";

export interface Endpoint {
  /** An IP address; IPv4-mapped ones as IPv4. "" where there is no network (a pipe). */
  readonly address: string;
  readonly port: number;
}

/** How long a closed connection waits for the peer's end, in milliseconds, so that our last words are not reset away. */
const LINGER = 2000;

const NEVER = Number.POSITIVE_INFINITY;
export class Connection implements Watched, Source, Sink {
  /** When the input awaited now must be there, by the clock of deadline.ts; Infinity: it is not the peer's turn. */
  deadline = NEVER;
  /** When all must be over, by the same clock, whatever else goes on. */
  limit = NEVER;
  /** How long the peer may take to accept octets, or the next chunk of a body may take to come; in milliseconds. */
  patience = NEVER;
  /** Called once: nobody is there to read answers any more, or the connection was made to fail. */
  onLost: ((failure: Failure) => void) | null = null;

  #gone = false;
  #closing = false;
  #failure: Failure | null = null;
  #relay: Relay | null = null;
  #trace: ((direction: "<" | ">", line: string) => void) | null = null;
  #stream!: Duplex;
  #handshake: Handshake | null = null;
  /** The halves, for the relay alone. */
  readonly reader: Reader;
  readonly writer: Writer;
  buffers: ReadBuffers | null;

  /**
   * @param role who the peer is, to whom its failures are blamed
   * @param buffers where the stream's `onread` option delivers; null: the stream emits its chunks
   */
  constructor(
    /** The stream that it began with; it closes last. */
    readonly stream: Duplex,
    readonly role: Blame,
    readonly peer: Endpoint,
    readonly local: Endpoint,
    buffers: ReadBuffers | null = null,
  ) {
    this.buffers = buffers;
    this.reader = new Reader(stream, buffers);
    this.writer = new Writer(stream, () => this.#lose());
    this.#attach(stream);
    watch(this);
  }

  /** The TLS version that is spoken, as Node names it; "": the peer is spoken to in clear. */
  get tls(): string {
    const socket = this.#stream as Partial<TLSSocket>;
    return socket.encrypted ? (socket.getProtocol?.() ?? "") : "";
  }

  /** Shown each line that is read by `line`, and each that is written by `say` or goes before a relayed body. */
  set trace(trace: (direction: "<" | ">", line: string) => void) {
    this.#trace = trace;
    this.reader.heard = (line) => trace("<", line);
  }

  /** Whether nobody reads our answers any more: reset, timed out, closed. A mere end of input is not gone. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Whether it is gone and all that it had said is here: nothing will come of it any more. */
  get lost(): boolean {
    return this.#gone && this.reader.ended;
  }

  /** How many octets have arrived and were not taken yet. */
  get pending(): number {
    return this.reader.pending;
  }

  /** What has arrived and was not taken yet, as latin1. */
  get ahead(): string {
    return this.reader.ahead;
  }

  /** The next octet without taking it; null at the end of input. @throws Failure */
  peek(): Promise<number | null> {
    return this.reader.peek();
  }

  /**
   * The next line as latin1, without its CRLF or LF; null at the end of input, also if a line without an end is left.
   *
   * @param limit the most octets that it may have, with its line end; else OVERLONG, as soon as that is known
   * @throws Failure
   */
  line(limit: number): Promise<string | null | typeof OVERLONG> {
    return this.reader.line(limit);
  }

  /** Skips the rest of the line, however long; false if the input ended before the line did. @throws Failure */
  skipLine(): Promise<boolean> {
    return this.reader.skipLine();
  }

  /** Writes lines (latin1), each with its CRLF; returns as `write` does. */
  say(...lines: readonly string[]): Promise<void> | undefined {
    if (this.#trace) for (const line of lines) this.#trace(">", line);
    return this.write(lines.length === 1 ? `${lines[0]}\r\n` : `${lines.join("\r\n")}\r\n`);
  }

  /**
   * Writes octets (a string is latin1). Returns a promise only if the peer is slower than we are; it resolves when the
   * peer has caught up or is gone, and rejects with a Failure if that takes longer than `patience`.
   */
  write(octets: string | Buffer): Promise<void> | undefined {
    this.writer.send(octets);
    return this.writer.full ? this.writer.emptied(this.patience) : undefined;
  }

  /**
   * Passes on what arrives here, up to and with what `end` finds, to another connection, and no faster than that one
   * takes it. If that one is gone the octets are read all the same, and dropped.
   *
   * @param head a line that goes before it
   * @returns how many octets the body had
   * @throws Failure of this side: the input ended, stood still or was made to fail; of the other: it stood still
   */
  relay(to: Connection, end: End, head: string): Promise<number> {
    to.#trace?.(">", head);
    const relay = new Relay(this, to, end, () => {
      this.#relay = null;
    });
    this.#relay = relay;
    relay.start(`${head}\r\n`);
    if (this.#failure) this.#relay?.fail(this.#failure);
    else if (this.reader.ended) this.#relay?.fail(this.#cutOff());
    return relay.done;
  }

  /**
   * Puts TLS between: what had arrived before belongs to the handshake, and thus fails it if it was said in clear.
   *
   * @param open makes a TLS socket of the stream so far
   * @throws Failure if the handshake does not come about, or not before `deadline`
   */
  async startTls(open: (raw: Duplex) => TLSSocket): Promise<void> {
    if (!this.writer.empty) await this.writer.emptied(this.patience);
    if (this.#failure) throw this.#failure;
    this.reader.release();
    const tls = open(this.#stream);
    this.buffers = null;
    this.#attach(tls);
    this.reader.move(tls);
    this.writer.move(tls);
    this.#handshake = handshake(tls, this.role);
    await this.#handshake.done;
    this.#handshake = null;
  }

  /** Ends every wait on this connection, now and later, with this reason. The first reason stays. */
  fail(failure: Failure): void {
    if (this.#failure || this.#closing) return;
    this.#failure = failure;
    this.deadline = NEVER;
    this.limit = NEVER;
    this.#handshake?.fail(failure);
    this.reader.fail(failure);
    this.writer.fail(failure);
    this.#relay?.fail(failure);
    this.#lost(failure);
  }

  /**
   * Says no more: sends what was written, lingers for the peer's end, and is gone. Input is dropped from now on.
   *
   * @param within how long the peer may take to accept what is still to be sent, in milliseconds
   */
  close(within = LINGER): void {
    if (this.#closing) return;
    this.#closing = true;
    this.onLost = null;
    this.reader.close();
    this.deadline = now() + within;
    this.#stream.end(() => {
      this.deadline = now() + LINGER;
    });
  }

  /** Gone at once: what is still to be sent is lost. */
  destroy(): void {
    this.#closing = true;
    this.onLost = null;
    this.#stream.destroy();
  }

  /** Part of the clock: ends what is overdue. */
  sweep(at: number): void {
    if (at >= this.deadline && this.#closing) this.#stream.destroy();
    else if (at >= this.deadline || at >= this.limit) this.fail(this.#silent());
    else if (at >= this.writer.deadline) this.fail(new Failure(this.role, `${this.role} does not read`));
  }

  #silent(): Failure {
    return new Failure(this.role, `${this.role} is silent`, this.role === "server" ? texts.serverSilent : null);
  }

  #cutOff(): Failure {
    return new Failure(this.role, `${this.role} closed the connection inside a response`);
  }

  /** There will be no more input. */
  #finish(): void {
    if (this.reader.ended) return;
    this.reader.end();
    this.#relay?.fail(this.#cutOff());
    this.#lostIfClosed();
  }

  /** Listens for the end of a stream; that of a stream which TLS has taken over is the TLS socket's affair. */
  #attach(stream: Duplex): void {
    this.#stream = stream;
    stream.on("error", () => {});
    stream.on("end", () => {
      if (stream === this.#stream) this.#finish();
    });
    stream.on("close", () => {
      if (stream !== this.#stream) return;
      unwatch(this);
      this.#finish();
      this.#lose();
    });
  }

  /** Nobody reads any more; but what had arrived before may not all have been read. */
  #lose(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.writer.close();
    this.#lostIfClosed();
  }

  #lostIfClosed(): void {
    if (this.lost) this.#lost(closed(this.role));
  }

  #lost(failure: Failure): void {
    const { onLost } = this;
    this.onLost = null;
    onLost?.(failure);
  }
}

/** The failure of a peer that has left. */
export function closed(role: Blame): Failure {
  return new Failure(role, `${role} closed the connection`);
}
